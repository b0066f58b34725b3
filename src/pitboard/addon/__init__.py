"""The addon as both homes hand it out: the built files, with the home's own address in them, and a page."""
