"""Images and masks in files that are no DICOM: NIfTI, NRRD, MetaImage, JPEG, PNG, TIFF."""
