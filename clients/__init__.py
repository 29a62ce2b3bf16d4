"""What others run on their own machines."""
