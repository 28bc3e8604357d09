#!/usr/bin/env bash
# Gradio 6.31.0 cannot be imported in a process without PATH, as services and containers may start
# one: pydub 0.25.1, which it imports for sounds, looks for ffmpeg while it is imported.
#
# Guess: a page without any sound needs no program, so "import gradio" works in an empty environment;
# at most a warning comes when ffmpeg is first needed.
#
# Seen: KeyError: 'PATH', from os.environ["PATH"] in pydub/utils.py. With a PATH in which there is no
# ffmpeg it works, with a warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gradio==6.31.0 pydub==0.25.1
cd "$folder"
mkdir empty home
said=$(env -i HOME="$folder/home" venv/bin/python -c 'import gradio' 2>&1) && exit 1
echo "without PATH: ${said##*$'\n'}"
[ "${said##*$'\n'}" = "KeyError: 'PATH'" ]
env -i HOME="$folder/home" PATH="$folder/empty" venv/bin/python -W ignore -c '
import gradio
print("with an empty PATH: gradio", gradio.__version__)'
