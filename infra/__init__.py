"""The AWS home as a CDK app: one construct per capability, sizes in `config`."""
