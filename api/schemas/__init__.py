"""What the API takes and answers: validators, serialisers and documentation in one."""
