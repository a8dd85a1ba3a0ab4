"""The 33 published systems of the review that the engine must come to run, each as a card, compactly.

What a system still lacks is told by `LACKS`, in words that no table has yet: operations, steps, networks, kinds of
input and output.
"""

from typing import Any

from engine.operations.networks import NETWORKS
from engine.operations.table import OPERATIONS
from engine.postprocessing.table import POSTPROCESSING
from engine.preprocessing.table import PREPROCESSING

Json = dict[str, Any]
HASH = "0" * 64


def image(role: str, *modality: str, **more: Any) -> Json:
    return {"role": role, "modality": list(modality), **more}


def op(name: str, **params: Any) -> Json:
    return {"op": name, "params": params}


def node(word: str, name: str, takes: str, weights: int = 1, **params: Any) -> Json:
    files = [{"file": f"{name}-{k}.safetensors", "sha256": HASH} for k in range(weights)]
    made: Json = {"node": name, "op": word, "in": takes.split(), "params": params}
    return made | ({"weights": files} if files else {})


def segmenter(name: str, takes: str, labels: str, network: str = "UNet", flat: bool = True, **more: Any) -> Json:
    patch = [1, 256, 256] if flat else [96, 96, 96]
    return node(
        "segment", name, takes, network={"network": network}, dimensions=2 if flat else 3, patch=patch,
        labels=labels.split(), **more,
    )  # fmt: skip


def view(kind: str, *pixels: int, **more: Any) -> Json:
    return {"kind": kind, "pixels": list(pixels), **more}


def classifier(
    name: str, takes: str, labels: str, looks: Json, network: str, *, flat: bool = True, **more: Any
) -> Json:
    return node(
        "classify", name, takes, network={"network": network}, dimensions=2 if flat else 3, view=looks,
        labels=labels.split(), **more,
    )  # fmt: skip


def join(name: str, takes: str, action: str, **params: Any) -> Json:
    return {"node": name, "op": action, "in": takes.split(), "params": params}


def masks(*labels: str) -> list[Json]:
    return [{"kind": "mask", "label": label, "name": label, "roi_type": "ORGAN"} for label in labels]


def scores(*labels: str, kind: str = "score", threshold: float = 0.5) -> list[Json]:
    return [{"kind": kind, "label": label, "name": label, "threshold": threshold} for label in labels]


def card(  # noqa: PLR0917 - read like a table
    ref: int, task: str, title: str, inputs: list[Json], graph: list[Json], outputs: list[Json], **more: Any
) -> Json:
    return {
        "id": f"review-{ref}", "version": "1.0", "task": task, "title": title, "seed_ref": ref,
        "fidelity": "historical", "badge": "runs", "inputs": inputs, "graph": graph, "outputs": outputs, **more,
    }  # fmt: skip


def paper(name: str, value: float, dataset: str, n: int = 0, label: str | None = None) -> Json:
    figure = {"dataset": dataset, "n": n, "name": name, "value": value, "source": "paper"}
    return figure | ({"label": label} if label else {})


BRAIN = [image(role, "MR", units="z") for role in ("t1c", "t1", "t2", "flair")]
FUNDUS = [image("photo", "OP", units="rgb")]
SLIDE = [image("slide", "SM", units="rgb")]
SKIN = [image("photo", "XC", units="rgb")]
CT = [image("ct", "CT", units="HU")]
ZSCORE = op("normalise", over="nonzero", clip_percentiles=[1, 99])
TUMOUR = "necrosis oedema enhancing other"
PHASES = [image("arterial", "CT", units="HU"), *(image(p, "CT", units="HU") for p in
          ("portal", "delayed"))]  # fmt: skip
MR_PHASES = [image("arterial", "MR", units="z"), *(image(p, "MR", units="z") for p in
             ("portal", "delayed"))]  # fmt: skip
KNEE = [image("sagittal", "MR", units="z"), image("coronal", "MR", units="z"), image("axial", "MR", units="z")]
ALL = "t1c t1 t2 flair"


#: What each system still needs: words of no table, `network X`, and what no input, view or output can be.
LACKS: dict[int, set[str]] = {
    2: {"bias_field", "images as channels", "network TwoPathCNN"},
    3: {"images as channels", "network FCN", "network PatchCNN"},
    4: {"network DilatedResNet101"},
    5: {"detect", "network SegNet"},
    6: {"network ResidualUNet"},
    7: set(),
    8: {"boxes", "detect", "images as channels", "merge_planes", "network MaskHead"},
    9: {"fuse"},
    10: {"gate", "network CNN", "saliency"},
    11: {"network AlexNet"},
    12: {"network SideOutputResNet50"},
    13: {"boxes", "detect", "find_field", "network CNN"},
    14: {"find_field", "network InceptionV3", "resize"},
    15: {"network SmallCNN"},
    16: {"images as channels", "network CNN3D"},
    17: {"images as channels", "network CNN"},
    18: {"network InceptionV3", "pool", "tiles"},
    19: {"detect", "network Inflated3D", "pool"},
    20: {"detect", "network MultiStreamCNN", "pool"},
    21: {"boxes", "components", "detect", "network CNN", "vesselness"},
    22: {"find_field", "network InceptionV3", "pool", "tiles"},
    23: {"clinical variables", "head", "network CNN"},
    24: {"network InceptionResNetV2", "pool"},
    25: {"graph_cut", "network CNN3D", "vesselness"},
    26: {"head", "network Autoencoder", "network MultiScaleCNN"},
    27: set(),
    28: {"network InceptionV3"},
    29: {"network InceptionV3"},
    30: {"clinical variables", "head", "network CNN"},
    31: {"bands", "network PartitionedCNN", "tiles"},
    32: set(),
    33: {"gate", "pool", "tiles"},
    34: {"head", "network AlexNet", "pool"},
}


def lacking(values: Json) -> set[str]:
    """What a card asks for that no table has."""
    roles = {given["role"] for given in values["inputs"]}
    lacks = {step["op"] for step in values.get("preprocess", [])} - set(PREPROCESSING)
    lacks |= {step["op"] for step in values.get("post", [])} - set(POSTPROCESSING)
    lacks |= {"clinical variables" for given in values["inputs"] if "TABLE" in given["modality"]}
    lacks |= {"boxes" for output in values["outputs"] if output["kind"] == "box"}
    for made in values["graph"]:
        params = made["params"]
        if made["op"] not in OPERATIONS:
            lacks.add(made["op"])
            continue
        network = params.get("network", {}).get("network")
        if network is not None and network not in NETWORKS:
            lacks.add(f"network {network}")
        if params.get("view", {}).get("kind") == "tiles":
            lacks.add("tiles")
        if made["op"] == "concatenate" and set(made["in"][1:]) & roles:
            lacks.add("images as channels")
    return lacks


def _join_channels(name: str, roles: str) -> Json:
    return join(name, roles, "concatenate")


def cards() -> list[Json]:
    """One card a reference, in the order of the review."""
    return [
        card(2, "segment", "Glioma, two-path cascade", BRAIN,
             [_join_channels("mr", ALL), segmenter("first", "mr", TUMOUR, "TwoPathCNN"),
              join("fed", "mr first", "concatenate"), segmenter("second", "fed", TUMOUR, "TwoPathCNN")],
             masks(*TUMOUR.split()), preprocess=[op("bias_field"), ZSCORE], post=[op("largest_pieces")],
             metrics=[paper("dice", 0.88, "BRATS13")], provenance={"recipe": {"phases": ["balanced", "natural"]}}),
        card(3, "segment", "Glioma, localiser and sub-regions", BRAIN,
             [_join_channels("mr", ALL), segmenter("where", "mr", "tumour", "FCN"),
              join("around", "mr where", "crop", margin_mm=10), segmenter("parts", "around", TUMOUR, "PatchCNN")],
             masks(*TUMOUR.split()), preprocess=[ZSCORE]),
        card(4, "segment", "Breast CTV", CT, [segmenter("ctv", "ct", "CTV", "DilatedResNet101")],
             [{"kind": "mask", "label": "CTV", "name": "CTV_Breast_L", "roi_type": "CTV"}],
             preprocess=[op("windows", windows=[[-160, 240]])],
             post=[op("largest_pieces"), op("fill_holes", on_planes=True)],
             metrics=[paper("dice", 0.91, "800 patients", 800)]),
        card(5, "segment", "Breast non-mass tumour", [image("dce", "MR", units="z")],
             [node("detect", "boxes", "dce", network={"network": "YOLOv2"}, labels=["lesion"]),
              join("around", "dce boxes", "crop", margin_mm=5), segmenter("lesion", "around", "tumour", "SegNet")],
             masks("tumour")),
        card(6, "segment", "Organs at risk on liver CT", CT,
             [segmenter("organs", "ct", "Heart Liver Kidney_L Kidney_R Stomach", "ResidualUNet")],
             masks("Heart", "Liver", "Kidney_L", "Kidney_R", "Stomach"),
             metrics=[paper("dice", 0.94, "70 patients", 70, "Heart"),
                      paper("dice", 0.93, "70 patients", 70, "Liver")]),
        card(7, "segment", "Liver tumour", [image("mr", "MR", units="z")], [segmenter("tumour", "mr", "GTV")],
             masks("GTV")),
        card(8, "detect", "Rectal lymph nodes",
             [image("t2", "MR", units="z"), image("dwi", "MR", units="z")],
             [join("mr", "t2 dwi", "concatenate"),
              node("detect", "nodes", "mr", network={"network": "MaskRCNN", "backbone": "resnet-fpn"}, labels=["node"]),
              segmenter("instances", "mr", "node", "MaskHead", activation="sigmoid")],
             [{"kind": "box", "label": "node", "name": "LN_Mesorectal", "node": "nodes"},
              {"kind": "mask", "label": "node", "name": "GTVn", "node": "instances"}],
             post=[op("merge_planes", least_overlap=0.3, least_planes=2)]),
        card(9, "segment", "Lymphoma nodes", [image("pet", "PT", units="SUVbw"),
                                              image("ct", "CT", units="HU")],
             [node("fuse", "nodes", "pet ct", encoders=[{"network": "Encoder"}] * 2, decoder={"network": "Decoder"},
                   patch=[96, 96, 96], labels=["node"])], masks("node")),
        card(10, "segment", "Whole heart by saliency", CT,
             [classifier("where", "ct", "heart other", view("slices", 1, 64, 64), "CNN"),
              join("gate", "where", "gate", label="heart"),
              join("salient", "ct", "saliency", label="Heart"), join("cut", "salient", "threshold", label="Heart",
                                                                         low=0.5)], masks("Heart")),
        card(11, "segment", "Shoulder bones", [image("mr", "MR", units="z")],
             [*(segmenter(f"unet{k}", "mr", "Humerus Scapula") for k in (1, 2, 3)),
              classifier("patches", "mr unet1", "bone edge other", view("crops", 1, 32, 32), "AlexNet"),
              join("voted", "unet1 unet2 unet3", "combine", how="vote"),
              segmenter("edges", "voted", "Humerus Scapula", "AlexNet")],
             masks("Humerus", "Scapula"), metrics=[paper("dice", 0.96, "own")]),
        card(12, "segment", "Rectal tumour", [image("mr", "MR", units="z")],
             [segmenter("gtv", "mr", "GTVp", "SideOutputResNet50", activation="sigmoid")], masks("GTVp")),
        card(13, "detect", "Microaneurysms", FUNDUS,
             [node("detect", "candidates", "photo", network={"network": "TextImageCNN"}, labels=["microaneurysm"]),
              classifier("sieve1", "photo candidates", "microaneurysm other",
                         view("crops", 1, 64, 64), "CNN"),
              classifier("sieve2", "photo candidates", "microaneurysm other",
                         view("crops", 1, 64, 64), "CNN"),
              join("both", "sieve1 sieve2", "combine", how="product")],
             [{"kind": "box", "label": "microaneurysm", "name": "Microaneurysm", "node": "candidates"}],
             preprocess=[op("find_field", what="fundus")]),
        card(14, "classify", "Diabetic retinopathy and macular oedema", FUNDUS,
             [classifier("eye", "photo", "referable oedema", view("whole", 1, 299, 299), "InceptionV3", weights=10,
                         activation="sigmoid")],
             scores("referable", "oedema"),
             preprocess=[op("find_field", what="fundus"), op("resize", pixels=[299, 299])],
             metrics=[paper("sensitivity", 0.903, "EyePACS-1"), paper("specificity", 0.981, "EyePACS-1")]),
        card(15, "classify", "Retinal detachment", FUNDUS,
             [classifier("eye", "photo", "detachment", view("whole", 1, 96, 96), "SmallCNN", activation="sigmoid")],
             scores("detachment"), metrics=[paper("auc", 0.988, "Optos")]),
        card(16, "classify", "Liver lesions on MR", MR_PHASES,
             [join("mr", "arterial portal delayed", "concatenate"), segmenter("lesion", "mr", "lesion"),
              classifier("kind", "mr lesion", "cyst haemangioma fnh hcc icc metastasis",
                         view("crops", 12, 24, 24), "CNN3D", flat=False)],
             scores("cyst", "haemangioma", "fnh", "hcc", "icc", "metastasis")),
        card(17, "classify", "Liver masses on CT", PHASES,
             [join("ct", "arterial portal delayed", "concatenate"), segmenter("lesion", "ct", "mass"),
              classifier("kind", "ct lesion", "A B C D E", view("crops", 1, 70, 70), "CNN")],
             scores("A", "B", "C", "D", "E"), metrics=[paper("accuracy", 0.84, "own")]),
        card(18, "classify", "Liver histology", SLIDE,
             [classifier("tiles", "slide", "benign malignant",
                         view("tiles", 1, 299, 299, magnification=20), "InceptionV3"),
              node("pool", "slide_score", "tiles", 0, pool="mean", over="tiles")], scores("malignant")),
        card(19, "prognosis", "Lung cancer risk", [image("ct", "CT", units="HU"),
                                                   image("prior", "CT", required=False)],
             [node("detect", "regions", "ct", network={"network": "RetinaNet3D"}, labels=["region"]),
              classifier("whole", "ct", "cancer", view("whole", 128, 240, 240), "Inflated3D", flat=False,
                         activation="sigmoid"),
              classifier("near", "ct regions", "cancer", view("crops", 60, 60, 60, sizes_mm=[90]),
                         "Inflated3D", flat=False, activation="sigmoid"),
              node("pool", "worst", "near", 0, pool="noisy_or", over="regions"),
              join("risk", "whole worst", "combine", how="mean")],
             scores("cancer", kind="risk"), preprocess=[op("resample", spacing_mm=[1.5, 1.5, 1.5])],
             metrics=[paper("auc", 0.944, "NLST")]),
        card(20, "classify", "Nodule types", CT,
             [node("detect", "nodules", "ct", network={"network": "Given"}, labels=["nodule"]),
              classifier("kind", "ct nodules", "solid calcified part ground perifissural spiculated",
                         view("crops", 1, 64, 64, sizes_mm=[10, 20, 40], orthogonal=True, rotations=8),
                         "MultiStreamCNN"),
              node("pool", "over_views", "kind", 0, pool="mean", over="views")], scores("solid", "spiculated")),
        card(21, "detect", "Lung nodules", CT,
             [join("vessels", "ct", "vesselness", label="tube", sigmas_mm=[1, 2, 3, 4]),
              join("found", "vessels", "components", label="candidate", least_mm3=15),
              classifier("kept", "ct found", "nodule other", view("crops", 4, 32, 32), "CNN"),
              node("detect", "nodules", "ct", 0, candidates="found", labels=["nodule"], least_score=0.5)],
             [{"kind": "box", "label": "nodule", "name": "Nodule", "node": "nodules"}]),
        card(22, "classify", "Lung cancer subtype and mutations", SLIDE,
             [classifier("tiles", "slide", "normal LUAD LUSC", view("tiles", 1, 512, 512, magnification=20,
                                                                    least_tissue=0.5), "InceptionV3"),
              classifier("genes", "slide", "STK11 EGFR KRAS TP53", view("tiles", 1, 512, 512, magnification=20),
                         "InceptionV3", activation="sigmoid"),
              node("pool", "subtype", "tiles", 0, pool="mean", over="tiles"),
              node("pool", "mutation", "genes", 0, pool="mean", over="tiles")],
             [*scores("LUAD", "LUSC"), *scores("EGFR")], preprocess=[op("find_field", what="tissue")]),
        card(23, "prognosis", "COPD staging and mortality",
             [image("ct", "CT", units="HU"), image("clinic", "TABLE", variables=["age", "sex", "pack years"])],
             [classifier("slices", "ct", "fev1", view("montage", 1, 512, 512, grid=[2, 2]), "CNN", activation="none"),
              node("head", "death", "slices clinic", model="cox", labels=["death"], horizon_months=60,
                   features=["cnn", "age", "sex"])], scores("death", kind="risk")),
        card(24, "classify", "Fibrotic lung disease", CT,
             [classifier("montages", "ct", "uip possible inconsistent", view("montage", 1, 299, 299, grid=[2, 2]),
                         "InceptionResNetV2"), node("pool", "patient", "montages", 0, pool="mean", over="views")],
             scores("uip", "possible", "inconsistent")),
        card(25, "segment", "Lung arteries and veins", CT,
             [join("vessels", "ct", "vesselness", label="Vessel", sigmas_mm=[1, 2, 4]),
              classifier("kind", "ct vessels", "A_Pulmonary V_Pulmonary", view("crops", 32, 32, 32), "CNN3D",
                         flat=False),
              join("smooth", "kind", "graph_cut", labels=["A_Pulmonary", "V_Pulmonary"])],
             masks("A_Pulmonary", "V_Pulmonary")),
        card(26, "classify", "Significant stenosis", CT,
             [segmenter("myocardium", "ct", "Myocardium", "MultiScaleCNN"),
              join("wall", "ct myocardium", "mask"), segmenter("code", "wall", "reconstruction", "Autoencoder",
                                                               activation="sigmoid"),
              node("head", "stenosis", "code", model="svm", summary="cluster_statistics", clusters=500,
                   labels=["significant"])], scores("significant")),
        card(27, "classify", "Skin tumours", SKIN,
             [classifier("lesion", "photo", " ".join(f"class{k}" for k in range(12)), view("whole", 1, 224, 224),
                         "ResNet152")], scores(*(f"class{k}" for k in range(12)))),
        card(28, "classify", "Skin cancer by taxonomy", SKIN,
             [classifier("leaves", "photo", " ".join(f"leaf{k}" for k in range(757)), view("whole", 1, 299, 299),
                         "InceptionV3"),
              join("tree", "leaves", "hierarchy", parents={"malignant": [f"leaf{k}" for k in range(300)],
                                                           "benign": [f"leaf{k}" for k in range(300, 757)]})],
             scores("malignant", "benign", threshold=0.3)),
        card(29, "classify", "Alzheimer's disease", [image("pet", "PT", units="SUVbw")],
             [classifier("brain", "pet", "AD MCI other", view("montage", 1, 512, 512, grid=[4, 4]), "InceptionV3")],
             scores("AD", "MCI"), ),
        card(30, "prognosis", "Nasopharyngeal carcinoma",
             [image("pet", "PT", units="SUVbw"), image("ct", "CT", units="HU"),
              image("clinic", "TABLE", variables=["age", "EBV DNA", "N stage"])],
             [classifier("pet_features", "pet", "event", view("whole", 1, 64, 64), "CNN"),
              classifier("ct_features", "ct", "event", view("whole", 1, 64, 64), "CNN"),
              node("head", "nomogram", "pet_features ct_features clinic", model="nomogram", labels=["event"],
                   features=[f"deep{k}" for k in range(18)], horizon_months=60)], scores("event", kind="risk")),
        card(31, "classify", "Oral cancer, hyperspectral", [image("cube", "OT")],
             [classifier("patch", "cube", "benign malignant", view("tiles", 1, 32, 32), "PartitionedCNN")],
             scores("malignant"), preprocess=[op("bands", bands=[10, 20, 30, 40])]),
        card(32, "classify", "Thyroid node metastasis", CT,
             [classifier("node", "ct", "metastasis benign", view("whole", 1, 224, 224), "ResNet50", weights=8)],
             scores("metastasis"), metrics=[paper("auc", 0.953, "internal"), paper("auc", 0.884, "external")]),
        card(33, "classify", "Breast histology", SLIDE,
             [*(classifier(f"x{m}", "slide", "benign malignant",
                           view("tiles", 1, 224, 224, magnification=m), "ResNet152")
                for m in (4, 10, 20, 40)),
              join("both", "x4 x10 x20 x40", "combine", how="vote"), join("gate", "both", "gate", label="malignant"),
              classifier("subtype", "slide", "ductal lobular mucinous papillary",
                         view("tiles", 1, 224, 224), "ResNet152"),
              node("pool", "patient", "subtype", 0, pool="vote", over="tiles")],
             [*scores("malignant"), *scores("ductal", "lobular", "mucinous", "papillary")]),
        card(34, "classify", "Knee", KNEE,
             [*(classifier(role, f"{role}", "abnormal acl meniscus", view("slices", 1, 256, 256), "AlexNet",
                           activation="sigmoid") | {"node": f"{role}_net"}
                for role in ("sagittal", "coronal", "axial")),
              *(node("pool", f"{role}_max", f"{role}_net", 0, pool="max", over="slices")
                for role in ("sagittal", "coronal", "axial")),
              node("head", "knee", "sagittal_max coronal_max axial_max", model="logistic",
                   labels=["abnormal", "acl", "meniscus"])], scores("abnormal", "acl", "meniscus")),
    ]  # fmt: skip
