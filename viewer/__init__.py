"""The viewer: everything in Planimeter that a person sees. Imports no torch, no MONAI and no pydicom."""
