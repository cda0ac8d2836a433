"""Learning from use: rollouts, rewards, and prompts and weights that improve by them."""
