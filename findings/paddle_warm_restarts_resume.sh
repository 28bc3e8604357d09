#!/usr/bin/env bash
# Paddle 3.3.1: CosineAnnealingWarmRestarts cannot be resumed. After set_state_dict() of its own
# state_dict() the first rate is right and those after it begin a new wave at once.
#
# Guess: like the eleven other schedulers, it goes on as if it had never stopped.
#
# Seen: where it is in its wave (T_cur, T_i) is not among what state_dict() holds, which is
# last_epoch and last_lr only, and step() counts on from the T_cur of a new object. step(epoch),
# which works it out from the epoch, gives the right rates.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
from paddle.optimizer import lr

STOP, COUNT = 13, 18
MAKERS = {
    "CosineAnnealingWarmRestarts": lambda: lr.CosineAnnealingWarmRestarts(0.1, 5),
    "CosineAnnealingDecay": lambda: lr.CosineAnnealingDecay(0.1, 10),
    "CyclicLR": lambda: lr.CyclicLR(0.01, 0.1, 5),
    "LinearWarmup": lambda: lr.LinearWarmup(lr.CosineAnnealingDecay(0.1, 20), 15, 0, 0.1),
    "MultiplicativeDecay": lambda: lr.MultiplicativeDecay(0.1, lambda epoch: 0.9),
}


def rates(scheduler, count):
    found = []
    for _ in range(count):
        found.append(round(scheduler(), 4))
        scheduler.step()
    return found


seen = {}
for name, make in MAKERS.items():
    wanted = rates(make(), COUNT)[STOP:]
    stopped, resumed = make(), make()
    rates(stopped, STOP)
    resumed.set_state_dict(stopped.state_dict())
    seen[name] = wanted, rates(resumed, COUNT - STOP), sorted(stopped.state_dict())
    print(f"{name:27} wanted {wanted}, resumed {seen[name][1]}")
wanted, resumed, kept = seen.pop("CosineAnnealingWarmRestarts")
assert wanted[0] == resumed[0] and wanted[1:] != resumed[1:], "it is resumed rightly by now"
assert kept == ["last_epoch", "last_lr"]
assert all(wanted == resumed for wanted, resumed, _ in seen.values())
PY
