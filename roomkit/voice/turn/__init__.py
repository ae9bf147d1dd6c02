"""Turn-taking policies: pure, fed with what a VAD and a recogniser say."""
