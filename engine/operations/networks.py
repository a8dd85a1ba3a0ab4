"""The networks that a card can name, and where each is defined; none is imported before it is built."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue

from engine.values import Identifier

#: Name in a card → module and attribute.
NETWORKS: dict[str, tuple[str, str]] = {
    # A class for each voxel.
    "SubvoxelUNet": ("engine.inference.networks", "SubvoxelUNet"),
    "DynUNet": ("engine.inference.networks", "dyn_unet"),
    "TwoEncoderUNet": ("engine.inference.fused", "TwoEncoderUNet"),
    "EfficientNetLite0UNet": ("engine.inference.picture_unet", "EfficientNetLite0UNet"),
    "SegResNet": ("monai.networks.nets.segresnet", "SegResNet"),
    "SegResNetDS": ("monai.networks.nets.segresnet_ds", "SegResNetDS"),
    "SwinUNETR": ("monai.networks.nets.swin_unetr", "SwinUNETR"),
    "UNETR": ("monai.networks.nets.unetr", "UNETR"),
    "UNet": ("monai.networks.nets.unet", "UNet"),
    "DilatedResNet": ("engine.inference.residual_networks", "DilatedResNet"),
    "SideOutputResNet": ("engine.inference.residual_networks", "SideOutputResNet"),
    "TwoPathCNN": ("engine.inference.patch_networks", "TwoPathCNN"),
    "PatchAlexNet": ("engine.inference.patch_networks", "PatchAlexNet"),
    # Of an ONNX file, which is its own network.
    "OnnxGraph": ("engine.inference.onnx_graph", "OnnxGraph"),
    "StagedUNet": ("engine.inference.staged_networks", "StagedUNet"),
    # Boxes.
    "RetinaNet": ("engine.inference.detection_networks", "RetinaNet"),
    # A class for each image.
    "ResNet10": ("monai.networks.nets.resnet", "resnet10"),
    "ResNet18": ("monai.networks.nets.resnet", "resnet18"),
    "ResNet34": ("monai.networks.nets.resnet", "resnet34"),
    "ResNet50": ("monai.networks.nets.resnet", "resnet50"),
    "ResNet101": ("monai.networks.nets.resnet", "resnet101"),
    "ResNet152": ("monai.networks.nets.resnet", "resnet152"),
    "ResNet200": ("monai.networks.nets.resnet", "resnet200"),
    "ResNet": ("monai.networks.nets.resnet", "ResNet"),
    "DenseNet121": ("monai.networks.nets.densenet", "DenseNet121"),
    "DenseNet169": ("monai.networks.nets.densenet", "DenseNet169"),
    "DenseNet201": ("monai.networks.nets.densenet", "DenseNet201"),
    "DenseNet264": ("monai.networks.nets.densenet", "DenseNet264"),
    "EfficientNet": ("monai.networks.nets.efficientnet", "EfficientNetBN"),
    "SEResNet50": ("monai.networks.nets.senet", "SEResNet50"),
    "EfficientNetLite0": ("engine.inference.picture_networks", "EfficientNetLite0"),
    # A class for each image, and how much each counts among those of a bag.
    "GatedAttention": ("engine.inference.attention", "GatedAttention"),
    "PatchNet": ("engine.inference.picture_networks", "PatchNet"),
    "CNN": ("engine.inference.plain_networks", "CNN"),
    "AlexNet": ("engine.inference.plain_networks", "AlexNet"),
    "MultiStreamCNN": ("engine.inference.plain_networks", "MultiStreamCNN"),
    "PartitionedCNN": ("engine.inference.plain_networks", "PartitionedCNN"),
    "InceptionV3": ("engine.inference.inception_networks", "InceptionV3"),
    "InceptionResNetV2": ("engine.inference.inception_networks", "InceptionResNetV2"),
    "ConvClassifier": ("monai.networks.nets.classifier", "Classifier"),
}


def _known(name: str) -> str:
    if name not in NETWORKS:
        raise ValueError(f"there is no network '{name}'; this version has {', '.join(sorted(NETWORKS))}")
    return name


class Network(BaseModel):
    """A network by its name in `NETWORKS`, with its arguments."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue]

    network: Annotated[Identifier, AfterValidator(_known)]

    @property
    def arguments(self) -> dict[str, Any]:
        """Name and arguments together, as `build_network` wants them."""
        return {"network": self.network, **(self.__pydantic_extra__ or {})}
