"""What a test records about itself."""

import json
import os
import platform
from pathlib import Path

from support.tiny_run import eager, fresh_state, tiny_config

from slowfast import machine
from slowfast.evaluate.run_facts import facts_of_run
from slowfast.predict.runtime.built import weighted


def test_the_facts_are_of_here_and_fit_into_json(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    model = fresh_state(cfg).model
    network, backend = weighted(model), eager(model, cfg)
    found = facts_of_run(
        network, backend, cfg, weights="a/b.pdparams", seconds=2.5, computed=6, kept=1
    )
    assert json.loads(json.dumps(found)) == found
    assert (found["seconds"], found["computed"], found["kept"]) == (2.5, 6, 1)
    assert (found["weights"], found["weights_sha256"]) == ("a/b.pdparams", network.digest)
    assert (found["processes"], found["precision"]) == (1, "fp32")
    assert found["folder"] == os.getcwd() and found["backend"] == backend.about
    assert found["devices"] == [machine.processor()] or machine.paddle_version() == ""
    assert found["versions"]["Python"] == platform.python_version()
    assert {"slowfast", "Paddle", "numpy"} <= found["versions"].keys()
