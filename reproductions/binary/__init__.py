"""Binary networks: the quantization error, and accuracy under equal budgets."""
