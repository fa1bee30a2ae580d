// The theme puts a navigation around each button that copies code: each gets a name of its own.
function nameThem() {
  document.querySelectorAll('.md-code__nav:not([aria-label])').forEach((nav) => {
    nav.setAttribute('aria-label', `Code ${[...document.querySelectorAll('.md-code__nav')].indexOf(nav) + 1}`);
  });
}
new MutationObserver(nameThem).observe(document.documentElement, { subtree: true, childList: true });
nameThem();
