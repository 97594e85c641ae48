"""What holds for every test: it leaves nothing behind."""

pytest_plugins = ["tests.support.leaks"]
