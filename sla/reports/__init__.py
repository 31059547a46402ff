"""What became of the promises, how long people waited, and when they come: reports for supervisors."""
