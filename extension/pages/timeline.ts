/** Runs inside the timeline's web view. */
document.body.textContent = "No timeline is open.";
