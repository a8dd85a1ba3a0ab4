"""VTK scenes of a plane and of the 3D view. No Qt."""
