"""The loss learns nothing from structures that nobody contoured."""

import torch

from engine.training.losses import contoured_dice, marginal_cross_entropy, segmentation_loss

SHAPE = (1, 4, 4, 4, 4)


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(SHAPE, generator=generator, requires_grad=True)
    labels = torch.zeros((1, 4, 4, 4), dtype=torch.uint8)
    labels[:, :2, :2] = 1
    labels[:, 2:, :2] = 2
    return logits, labels


def test_probability_on_an_uncontoured_structure_costs_nothing_in_the_background() -> None:
    labels = torch.zeros((1, 4, 4, 4), dtype=torch.uint8)
    sure_of_third = torch.full(SHAPE, -20.0)
    sure_of_third[:, 3] = 20.0
    assert marginal_cross_entropy(sure_of_third, labels, torch.tensor([[1.0, 1.0, 0.0]])) < 1e-3
    assert marginal_cross_entropy(sure_of_third, labels, torch.tensor([[1.0, 1.0, 1.0]])) > 10


def test_dice_of_an_uncontoured_structure_has_no_gradient_of_its_own() -> None:
    logits, labels = scene()
    without = contoured_dice(logits, labels, torch.tensor([[1.0, 0.0, 0.0]]))
    expected = contoured_dice(logits, torch.where(labels == 2, 0, labels), torch.tensor([[1.0, 1.0, 1.0]]))
    assert torch.isclose(without, expected)


def test_with_everything_contoured_it_is_the_usual_cross_entropy() -> None:
    logits, labels = scene()
    usual = torch.nn.functional.cross_entropy(logits, labels.long())
    assert torch.isclose(marginal_cross_entropy(logits, labels, torch.ones(1, 3)), usual, atol=1e-6)


def test_gradients_are_finite_even_where_the_network_is_certain_and_wrong() -> None:
    logits = torch.full(SHAPE, 0.0)
    logits[:, 0] = 80.0
    logits.requires_grad_()
    labels = torch.full((1, 4, 4, 4), 3, dtype=torch.uint8)
    segmentation_loss(logits, labels, torch.tensor([[0.0, 0.0, 1.0]])).backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_a_perfect_answer_has_a_loss_near_zero() -> None:
    _, labels = scene()
    logits = 40.0 * torch.nn.functional.one_hot(labels.long(), 4).permute(0, 4, 1, 2, 3) - 20.0
    assert segmentation_loss(logits, labels, torch.tensor([[1.0, 1.0, 0.0]])) < 1e-3
