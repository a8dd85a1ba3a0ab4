"""Pure geometry: polygons, masks and the ways between them. No DICOM, no torch.

- `trace`: mask or probability → polygons (`line`, `march` and `sample` do the parts); `fill`: polygons → mask;
  `rings`: rings as files write them ↔ polygons.
- `brush`: strokes on a plane; `section`: drawing and painting on sagittal and coronal cuts.
- `combine`, `margin`, `interpolate`, `smooth`, `islands`, `simplify`: operations on whole structures. Each takes plane
  index → polygons and returns the planes that change, in the same form; a plane that it empties maps to an empty
  area. Each reports progress, through which it is also stopped. Polygons that come out are valid.
- `measure`: measures, with their definitions; `stack`: planes in one frame, for what works across them.
"""
