"""A model of the solve rate over alpha, temperature and features whose states are an equilibrium."""
