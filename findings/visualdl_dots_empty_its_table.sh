#!/usr/bin/env bash
# VisualDL 2.5.3: guessed that add_hparams takes any name. In its page the table's cells stay empty for a name with a dot,
# such as optim.base_lr: the table looks up GROUP.NAME as a path of keys. The list at the side and the charts show it.
# bash findings/visualdl_dots_empty_its_table.sh      fails if the page's table has changed
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --no-deps visualdl==2.5.3
pages=$("$folder/venv/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")/visualdl/server/dist/_dist_
if ! grep -rqE 'accessor:`\$\{[a-z]+\}\.\$\{' "$pages/components/HyperParameterPage"; then
    echo "changed: the table of hyper-parameters no longer joins its names with a dot"
    exit 1
fi
echo "as found: the table of hyper-parameters looks its cells up by a path with dots"
