"""Every model of signed streams on every task, under both protocols, and on planted networks."""
