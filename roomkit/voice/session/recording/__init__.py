"""Recording a session: taps on the audio path, files off the loop."""
