"""DICOM in and out: scan folders, read series, read and write RTSTRUCT."""
