"""A pytest plugin: a test fails that leaves a task, timer, loop, thread, file, socket or process behind."""
