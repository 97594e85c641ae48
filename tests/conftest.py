"""What holds for every test: it leaves nothing behind."""

pytest_plugins = ["pytester", "tests.support.leaks"]
