/** Runs inside the transcript's web view. */
document.body.textContent = "No transcript is open.";
