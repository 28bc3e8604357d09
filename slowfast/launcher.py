"""``python -m slowfast.launcher``: Paddle's launcher, with its flags.

A signal ends it without a traceback also while it imports Paddle.
"""

if __name__ == "__main__":
    from slowfast.start import begin, let_in

    begin()
    import runpy
    import sys
    from io import TextIOWrapper

    from slowfast.machine import import_paddle

    import_paddle()
    let_in()
    assert isinstance(sys.stdout, TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)  # Paddle's does not flush what it shows
    runpy.run_module("paddle.distributed.launch", run_name="__main__", alter_sys=True)
