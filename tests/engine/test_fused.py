"""Networks for several images, and for single planes."""

import pytest
import torch

from engine.inference.networks import build_network


def test_each_image_goes_through_an_encoder_of_its_own() -> None:
    torch.manual_seed(0)
    network = build_network(
        {"network": "TwoEncoderUNet", "in_channels": [1, 2], "out_channels": 3, "filters": [4, 6, 8]}
    ).eval()
    image = torch.randn(1, 3, 16, 24, 16)
    assert network(image).shape == (1, 3, 16, 24, 16)
    # What the second image shows does not reach the first one's encoder.
    seen: list[torch.Tensor] = []
    network.encoders[0][0].register_forward_hook(lambda module, given, made: seen.append(made))
    other = torch.cat([image[:, :1], torch.randn(1, 2, 16, 24, 16)], dim=1)
    assert not torch.equal(network(image), network(other)) and torch.equal(seen[0], seen[1])


@pytest.mark.parametrize("shape", [(16, 24), (16, 24, 16)], ids=["2D", "3D"])
def test_a_network_on_blocks_gives_each_voxel_its_logits(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    arguments = {"network": "SubvoxelUNet", "in_channels": 2, "out_channels": 3, "filters": [4, 6, 8]}
    network = build_network(arguments | {"spatial_dims": len(shape)}).eval()
    assert network(torch.randn(2, 2, *shape)).shape == (2, 3, *shape)
