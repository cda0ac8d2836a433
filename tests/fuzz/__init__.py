"""Everything that a person or a model can pass, as targets for hypothesis and for atheris."""
