"""What the tests share: each module stands in for one part of the world."""
