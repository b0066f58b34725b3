"""The commands of the command line, one file each. A command is a few lines over the room that does the work.

Rooms are imported when a command runs, so that the command line starts fast.
"""
