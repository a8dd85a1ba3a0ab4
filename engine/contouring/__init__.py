"""Pure geometry: polygons, masks and the ways between them. No DICOM, no torch."""
