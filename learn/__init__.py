"""Learning from use: rewards, rollouts, and prompts and weights that improve by them."""
