"""Which contours of models count as looked at, once a person has changed some."""

from dataclasses import replace

from pytestqt.qtbot import QtBot
from shapely import MultiPolygon, Point

from engine.structures import Generation, RawContour, StructureSet
from engine.unseen import unseen_planes
from engine.volume import Volume
from tests.viewer.test_run_export import MODEL, ball, drawn_by_model, volume
from viewer.history import History, redraw
from viewer.session import Session
from viewer.widgets.structure_checklist import StructureChecklist
from viewer.widgets.structures_model import Column, StructuresModel

#: Fixtures of that file, which are used here too.
__all__ = ["drawn_by_model", "volume"]


def test_a_contour_that_a_person_corrected_on_its_plane_is_seen(volume: Volume, drawn_by_model: StructureSet) -> None:
    session = Session()
    history = History(session)
    session.open(volume, drawn_by_model)
    here = MultiPolygon([Point(120, 120).buffer(10)])

    def left(number: int) -> tuple[int, ...]:
        return unseen_planes(session.structures[number], history.seen)

    history.do(redraw(session.structures[1], {5: here}, text="Brush", tool="brush"))
    assert left(1) == (3, 4, 6, 7, 8) and left(2) == (3, 4, 5, 6, 7, 8)
    smaller = MultiPolygon([Point(120, 120).buffer(9)])
    history.do(redraw(session.structures[1], {5: smaller, 6: smaller}, text="Smooth", tool="smooth"))
    assert left(1) == (3, 4, 5, 6, 7, 8)
    history.undo()
    assert left(1) == (3, 4, 6, 7, 8)
    history.undo()
    assert left(1) == (3, 4, 5, 6, 7, 8)
    assert left(3) == ()


def test_untouched_planes_of_a_file_that_a_person_edited_are_not_called_unseen(volume: Volume) -> None:
    text = RawContour("0\\0\\0")
    edited = ball(1, "Heart", volume, provenance=replace(MODEL, generation=Generation.SEMIAUTOMATIC))
    planes = {plane: replace(contours, source=(text,)) for plane, contours in edited.planes.items()}
    assert unseen_planes(replace(edited, planes=planes)) == ()
    assert unseen_planes(replace(edited, planes={**planes, 4: edited.planes[4]})) == (4,)
    assert unseen_planes(replace(edited, planes=planes, provenance=MODEL)) == (3, 4, 5, 6, 7, 8)


def test_what_a_model_without_an_opinion_drew_is_written_only_where_a_person_ticks_it_or_took_it_on(
    volume: Volume, qtbot: QtBot
) -> None:
    doubt = replace(MODEL, abstained="This image is unlike those that the model learned from.")
    roi, other = ball(1, "Lesion", volume, provenance=doubt), ball(2, "Heart", volume, provenance=MODEL)
    structures = StructureSet(volume.geometry, (roi, other))
    for unseen, ticked in ({}, (2,)), ({1: 6, 2: 6}, (2,)), ({1: 0, 2: 6}, (1, 2)):
        checklist = StructureChecklist(structures, unseen=unseen)
        qtbot.addWidget(checklist)
        assert checklist.numbers == ticked
    session = Session()
    history = History(session)
    session.open(volume, structures)
    model = StructuresModel(session, history, lambda _: None)
    assert model.index(0, Column.NAME).data() == "Lesion  – no opinion"
    history.do(redraw(roi, {5: MultiPolygon([Point(120, 120).buffer(10)])}, text="Brush", tool="brush"))
    assert not session.structures[1].without_opinion, "who corrects it takes it on"
