#!/usr/bin/env bash
# pysubs2 1.8.1: SubRip read and written again loses text in braces, and 100 hours.
#
# Guess: a cue "{hello} there" of an .srt file comes out of load() and save() as it went in, as .srt
# and as .vtt; a time of 100:00:00,500 is 360,000.5 s.
#
# Seen: SubRip is turned into ASS text, where braces hold commands: "{hello}" is gone from what
# is saved, without a word; a label like "set {a, b}" ends as "set". Three digits of hours are
# read from the second on: the cue is at 0.5 s, and is sorted before all others in .vtt. "&" and "<"
# reach .vtt unescaped. srt 3.5.3, webvtt-py 0.6.0 and FFmpeg 8.1 (PyAV 18.1.0) keep all of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    pysubs2==1.8.1 srt==3.5.3 webvtt-py==0.6.0 av==18.1.0
cd "$folder"
venv/bin/python - <<'PY'
import av
import pysubs2
import srt
import webvtt

TEXT = (
    "1\n00:00:01,000 --> 00:00:02,000\na < b & c\n\n"
    "2\n100:00:00,500 --> 100:00:01,999\n{hello} there\n"
)
with open("a.srt", "w") as file:
    file.write(TEXT)

loaded = pysubs2.load("a.srt")
assert [cue.start for cue in loaded] == [1000, 500], [cue.start for cue in loaded]
loaded.save("b.srt")
loaded.save("b.vtt")
saved, web = open("b.srt").read(), open("b.vtt").read()
print(saved, web)
assert "hello" not in saved and "hello" not in web
assert "00:00:00,500 --> 00:00:01,999\nthere" in saved
assert web.index("there") < web.index("a < b & c")

others = {
    "srt": [(cue.start.total_seconds(), cue.content) for cue in srt.parse(TEXT)],
    "webvtt": [(cue.start_in_seconds, cue.text) for cue in webvtt.from_srt("a.srt")],
}
with av.open("a.srt") as container:
    others["ffmpeg"] = [(float(p.pts * p.time_base), bytes(p).decode()) for p in container.demux() if p.size]
print(others)
for name, cues in others.items():
    # webvtt-py's start_in_seconds has no fraction
    assert [(int(start), text) for start, text in cues] == [(1, "a < b & c"), (360000, "{hello} there")], name
PY
echo "as described"
