"""Where the systems that publish weights have their files."""

import pytest

from slowfast.models.published_files import (
    OPENMMLAB,
    Weights,
    mmaction2,
    mmaction2_ava,
    paddlevideo,
    pyslowfast,
    pytorchvideo,
)

FAIR = "https://dl.fbaipublicfiles.com"
GRID = f"{FAIR}/pyslowfast/pyslowfast/model_zoo/multigrid/model_zoo"
OPEN = "https://download.openmmlab.com/mmaction/recognition/slowfast"


@pytest.mark.parametrize(("file", "url"), [
    (pyslowfast("A_4x16", 38.9), f"{FAIR}/pyslowfast/model_zoo/kinetics400/A_4x16.pkl"),
    (pyslowfast("A_stepwise", 38.9), f"{GRID}/Kinetics/A_stepwise.pkl"),
    (pyslowfast("Charades/A", 38.9), f"{GRID}/Charades/A.pkl"),
    (pytorchvideo("A", 38.9), f"{FAIR}/pytorchvideo/model_zoo/kinetics/A.pyth"),
    (pytorchvideo("charades/A", 38.9), f"{FAIR}/pytorchvideo/model_zoo/charades/A.pyth"),
    (mmaction2("slowfast_a", "{name}_rgb_20200716-73547d2b", 38.9),
     f"{OPEN}/slowfast_a_rgb/slowfast_a_rgb_20200716-73547d2b.pth"),
    (mmaction2("slowfast_a", "{name}-f82bd304", 38.9),
     f"{OPEN}/slowfast_a/slowfast_a-f82bd304.pth"),
    (paddlevideo("A", "B", 38.9),
     "https://videotag.bj.bcebos.com/PaddleVideo/SlowFast/B.pdparams"),
    (pyslowfast("ava/A_32x2", 29.1), f"{FAIR}/pyslowfast/model_zoo/ava/A_32x2.pkl"),
    (pytorchvideo("ava/A", 24.67), f"{FAIR}/pytorchvideo/model_zoo/ava/A.pyth"),
    (paddlevideo("SlowFastRCNN_AVA", "SlowFastRCNN_AVA", 23.2),
     "https://videotag.bj.bcebos.com/PaddleVideo-release2.2/SlowFastRCNN_AVA.pdparams"),
    (mmaction2_ava("slowfast_a", "_20201217-6e7c704d", 24.4),
     "https://download.openmmlab.com/mmaction/detection/ava/slowfast_a/"
     "slowfast_a_20201217-6e7c704d.pth"),
    (mmaction2_ava("slowonly_a-b", "_20220906-953ef5fe", 24.4),
     "https://download.openmmlab.com/mmaction/v1.0/detection/slowonly/slowonly_a-b/"
     "slowonly_a-b_20220906-953ef5fe.pth"),
], ids=lambda value: value.name if isinstance(value, Weights) else "")  # fmt: skip
def test_where_a_file_is(file: Weights, url: str) -> None:
    assert file.url == url


def test_what_is_said_of_a_file() -> None:
    file = mmaction2("slowfast_a", "{name}-f82bd304", 76.0, 92.5, arguments={"alpha": 4})
    assert file.name == "mmaction2/slowfast_a" and file.page == f"{OPENMMLAB}/slowfast/README.md"
    assert file.scores == {"top-1": 76.0, "top-5": 92.5} and file.sha256 == "f82bd304"
    assert file.arguments == {"alpha": 4} and pyslowfast("Charades/A", 38.9).scores == {"mAP": 38.9}
    assert pytorchvideo("A", 76.9, 92.7, hub="slowfast").page.endswith(
        "/facebookresearch_pytorchvideo_slowfast/"
    )


def test_what_is_said_of_a_detector() -> None:
    """The protocol of 1.x is not that of 0.x."""
    old = mmaction2_ava("slowfast_a", "-b987b516", 26.1)
    new = mmaction2_ava(
        "slowfast_a", "_20220906-d934a48f", 25.9, settings={"model.roi_time": "max"}
    )
    assert (old.scores, old.sha256, old.settings) == ({"mAP": 26.1}, "b987b516", {})
    assert old.page.endswith("/0.x/configs/detection/ava/README.md")
    assert (new.sha256, new.page.endswith("/main/configs/detection/slowfast/README.md")) == (
        "d934a48f", True)  # fmt: skip
    assert new.settings == {"test.protocol": "mmaction2-1.2", "model.roi_time": "max"}
