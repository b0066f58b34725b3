"""The AWS home as a CDK app: one construct per capability, names and sizes in `config`."""
