// Runs once, inside the hidden component "bridge". `trigger` hands an event to the server.
const EVENTS = ['act', 'explain', 'turn', 'panel', 'draft'];
const byId = (id) => document.getElementById(id);
const narrow = window.matchMedia('(max-width: 999px)');
const calm = window.matchMedia('(prefers-reduced-motion: reduce)');

function send(node, fields) {
  const name = node.dataset.event;
  if (!EVENTS.includes(name)) return;
  if (name === 'panel') document.body.classList.add('panel-busy');
  if (name === 'draft' && node.dataset.act === 'address') document.body.classList.add('uploading');
  trigger(name, { ...fields, ...node.dataset });
}

// A chosen file goes along as base64; one that is far too large is only named, and the server says so.
const MOST_BYTES = 4_000_000;
async function packed(file) {
  if (file.size > MOST_BYTES) return { name: file.name, size: file.size, data: '' };
  let letters = '';
  for (const byte of new Uint8Array(await file.arrayBuffer())) letters += String.fromCharCode(byte);
  return { name: file.name, size: file.size, data: btoa(letters) };
}

// The header says in which language the page is, and brings the texts of this script.
const texts = () => JSON.parse(document.querySelector('#header .header').dataset.texts);
function speak() {
  const { language, direction } = document.querySelector('#header .header').dataset;
  Object.assign(document.documentElement, { lang: language, dir: direction });
  byId('scroller').setAttribute('aria-label', texts().conversation);
  const box = document.querySelector('#question textarea');
  box.setAttribute('aria-label', texts().question);
  box.dir = box.value ? 'auto' : direction; // the placeholder stands where the language begins
}

// Buttons and words say with data-event and data-act what they are for.
document.addEventListener('click', (event) => {
  const node = event.target.closest('[data-event]');
  if (node && node.tagName !== 'FORM' && !node.disabled) send(node, {});
});

document.addEventListener('submit', async (event) => {
  const form = event.target.closest('form[data-event]');
  if (!form) return;
  event.preventDefault();
  const fields = {};
  for (const [name, value] of new FormData(form, event.submitter)) {
    if (value instanceof File) {
      if (value.name) fields[name] = await packed(value);
    } else if (name === 'reasons') (fields.reasons ??= []).push(value);
    else fields[name] = value;
  }
  send(form, fields);
});

// The panels are drawn one after the other: the rest waits for all of them.
const PANELS = [
  'menu', 'panel', 'left', 'scroller', 'composer', 'transcript', 'running', 'inspector', 'chats', 'tray', 'files', 'import-file',
];
function whenDrawn() {
  if (PANELS.every(byId) && document.querySelector('#question textarea')) start();
  else requestAnimationFrame(whenDrawn);
}
whenDrawn();

function start() {
  // On a narrow screen, chats and panels are behind a button each.
  function show(name, open) {
    document.body.classList.toggle(`${name}-open`, open);
    byId(name)?.setAttribute('aria-expanded', String(open));
  }
  const isOpen = (name) => document.body.classList.contains(`${name}-open`);
  document.addEventListener('click', (event) => {
    for (const name of ['menu', 'rooms-menu']) {
      if (event.target.closest(`#${name}`)) show(name, !isOpen(name));
    }
    if (event.target.closest('#chats .open, #found .open, #new-chat, #rooms button')) show('menu', false);
    if (!event.target.closest('#rooms-menu')) show('rooms-menu', false);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !isOpen('rooms-menu')) return;
    show('rooms-menu', false);
    byId('rooms-menu').focus();
  });

  // The conversation scrolls by itself on a wide screen: the keyboard must reach it.
  const scroller = byId('scroller');
  scroller.setAttribute('tabindex', '0');
  scroller.setAttribute('role', 'region');
  speak();
  new MutationObserver(speak).observe(byId('header'), { subtree: true, childList: true, attributes: true });
  document.addEventListener('input', (event) => event.target.closest('#question') && speak());
  let follow = true;
  scroller.addEventListener('scroll', () => {
    follow = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 120;
  });
  function scrollDown() {
    if (narrow.matches) byId('composer').scrollIntoView({ block: 'end' });
    else scroller.scrollTop = scroller.scrollHeight;
  }

  // Pictures dropped, pasted, chosen or photographed are uploaded one after the other, in their order.
  let uploads = Promise.resolve();
  async function sendUp(files) {
    const paths = [];
    document.body.classList.add('uploading');
    for (const file of files) {
      try {
        paths.push((await upload(file)).path);
      } catch {
        paths.push(file.name); // the server says that it did not arrive
      }
    }
    trigger('draft', { act: 'add', files: paths });
  }
  function take(files) {
    const chosen = [...files];
    if (chosen.length > 0) uploads = uploads.then(() => sendUp(chosen));
  }
  async function importChats(file) {
    let path = file.name;
    try {
      path = (await upload(file)).path;
    } catch {
      // the server says that it did not arrive
    }
    trigger('act', { act: 'import', file: path });
  }
  // These are drawn anew in another language: the document listens for them.
  document.addEventListener('change', ({ target }) => {
    if (!['files', 'photo', 'import-file'].includes(target.id)) return;
    const chosen = [...target.files];
    target.value = ''; // else the same file twice would be no change
    if (target.id !== 'import-file') take(chosen);
    else if (chosen.length > 0) importChats(chosen[0]);
  });
  const touch = window.matchMedia('(pointer: coarse)');
  document.addEventListener('click', ({ target }) => {
    if (target.closest('#import-chats')) byId('import-file').click();
    if (target.closest('#add-pictures')) byId('files').click();
    if (!target.closest('#take-photo')) return;
    if (touch.matches) byId('photo').click(); // a phone has a camera of its own behind this
    else trigger('draft', { act: 'camera' });
  });
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    if (event.target.closest?.('input[type="file"]')) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  document.addEventListener('paste', (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    take(event.clipboardData.files);
  });

  // A field of the tray is sent when it is left.
  document.addEventListener('change', (event) => {
    const field = event.target.closest('[data-change]');
    if (field) trigger('draft', { ...field.dataset, act: field.dataset.change, value: field.value });
  });

  // What the tray was drawn for: the keyboard goes to the picture that moved, or back to the question.
  const question = () => document.querySelector('#question textarea');
  let trayDrawn = '';
  function trayRedrawn() {
    const drawn = document.querySelector('#tray .tray')?.dataset;
    if (!drawn || drawn.drawn === trayDrawn) return;
    trayDrawn = drawn.drawn;
    document.body.classList.remove('uploading');
    if (drawn.focus) (drawn.focus === 'box' ? question() : byId(drawn.focus))?.focus();
    if (document.querySelector('#tray .tray ol') && byId('from-address').open) byId('from-address').open = false;
  }
  new MutationObserver(trayRedrawn).observe(byId('tray'), { subtree: true, childList: true, attributes: true });

  // A box is drawn on a picture; the server gets its edges as shares of the picture, and draws it.
  let drawing = null;
  const share = (event, box) => [
    Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)),
    Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)),
  ];
  function drawBox(event) {
    const [x, y] = share(event, drawing.box);
    Object.assign(drawing.mark.style, {
      left: `${100 * Math.min(x, drawing.x)}%`, width: `${100 * Math.abs(x - drawing.x)}%`,
      top: `${100 * Math.min(y, drawing.y)}%`, height: `${100 * Math.abs(y - drawing.y)}%`,
    });
  }
  byId('tray').addEventListener('pointerdown', (event) => {
    const canvas = event.target.closest('.canvas .pointed');
    if (!canvas || event.button !== 0) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    const [x, y] = share(event, box);
    const mark = document.createElement('span');
    mark.className = 'drawn';
    canvas.append(mark);
    drawing = { box, x, y, mark, key: canvas.closest('.canvas').dataset.picture };
    drawBox(event);
  });
  document.addEventListener('pointermove', (event) => {
    if (drawing) drawBox(event);
  });
  for (const kind of ['pointerup', 'pointercancel']) {
    document.addEventListener(kind, (event) => {
      if (!drawing) return;
      const { box, x, y, mark, key } = drawing;
      drawing = null;
      mark.remove();
      const [right, bottom] = share(event, box);
      if (kind === 'pointercancel' || Math.abs(right - x) * box.width < 6 || Math.abs(bottom - y) * box.height < 6) return;
      const edges = { left: x, top: y, right, bottom };
      for (const name of Object.keys(edges)) edges[name] = edges[name].toFixed(4);
      trigger('draft', { act: 'place', picture: key, ...edges });
    });
  }

  // On a narrow screen the side panel stands below the conversation.
  const smooth = () => (calm.matches ? 'auto' : 'smooth');
  document.addEventListener('click', (event) => {
    const panel = event.target.closest('.back')?.closest('.inspector');
    if (!panel) return;
    const answer = byId(`turn-${panel.dataset.turn}`);
    answer?.scrollIntoView({ behavior: smooth(), block: 'start' });
    answer?.querySelector('button')?.focus({ preventScroll: true });
  });

  // What the server drew anew: keep the address, the scrolling and half-filled forms right.
  let chat = new URLSearchParams(location.search).get('chat') ?? '';
  let turns = 0;
  let running = false;
  let inside = '';
  let drawn = '';
  let gone = '';
  let why = ''; // the turn whose rating was asked about
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-why]');
    if (!button) return;
    why = button.dataset.turn;
    redrawn();
  });
  function redrawn() {
    const transcript = document.querySelector('#transcript .transcript');
    const welcome = document.querySelector('#transcript .welcome');
    if (transcript || welcome) {
      const now = transcript?.dataset.chat ?? '';
      if (now !== chat) {
        chat = now;
        const address = new URL(location.href);
        if (chat) address.searchParams.set('chat', chat);
        else address.searchParams.delete('chat');
        history.replaceState(null, '', address);
        follow = true;
      }
    }
    const wanted = transcript?.dataset.goto ?? '';
    if (wanted && wanted !== gone) {
      follow = false;
      requestAnimationFrame(() => byId(`turn-${wanted}`)?.closest('.turn').scrollIntoView({ block: 'start' }));
    }
    gone = wanted;
    const count = document.querySelectorAll('#transcript .turn').length;
    const isRunning = document.querySelector('#running .turn') !== null;
    if (isRunning && !running) follow = true;
    if (follow && (isRunning || running || count !== turns)) scrollDown();
    turns = count;
    running = isRunning;
    for (const part of document.querySelectorAll('form[data-key], details[data-key]')) {
      if (part.drawnFor !== undefined && part.drawnFor !== part.dataset.key) {
        if (part.tagName === 'FORM') part.reset();
        else part.removeAttribute('open');
      }
      part.drawnFor = part.dataset.key;
    }
    const panel = document.querySelector('#inspector .inspector')?.dataset ?? {};
    for (const answer of document.querySelectorAll('#transcript .answer')) {
      answer.classList.toggle('selected', answer.id === `turn-${panel.turn}`);
    }
    const shown = panel.turn ? `${panel.turn} ${panel.word}` : '';
    if (shown && shown !== inside && narrow.matches) {
      byId('inspector').scrollIntoView({ behavior: smooth(), block: 'start' });
    }
    inside = shown;
    const reasons = document.querySelector('#inspector .rating');
    if (why && why === panel.turn && reasons) {
      why = '';
      reasons.scrollIntoView({ block: 'start' });
      (reasons.querySelector('[name="reasons"]') ?? reasons.querySelector('textarea')).focus();
    }
    movePanel();
  }

  // A panel takes the place of the chat: the keyboard goes with it, and comes back to the button that opened it.
  let open = '';
  function movePanel() {
    const panel = document.querySelector('#panel .panel');
    document.body.classList.toggle('panel-open', panel !== null);
    const now = panel?.dataset.panel ?? '';
    if ((panel?.dataset.drawn ?? '') !== drawn) {
      drawn = panel?.dataset.drawn ?? '';
      document.body.classList.remove('panel-busy');
      if (panel) {
        byId('panel').scrollTop = 0;
        if (narrow.matches) window.scrollTo(0, 0);
        panel.querySelector('h2').focus();
      } else if (open) {
        document.querySelector(`.rooms [data-panel="${open}"]`)?.focus();
      }
    }
    for (const button of document.querySelectorAll('.rooms [data-panel]')) {
      if (button.dataset.panel === now) button.setAttribute('aria-current', 'page');
      else button.removeAttribute('aria-current');
    }
    open = now;
  }
  // While weights are fetched, only the bar moves: the panel is drawn anew at the end.
  async function lookAtDownloads() {
    const bars = [...document.querySelectorAll('#panel progress[data-download]')];
    if (!bars.length || document.hidden) return;
    const answer = await fetch('downloads').catch(() => null);
    if (!answer?.ok) return; // the next look may succeed
    const found = await answer.json();
    for (const bar of bars) {
      const { done, total, state } = found[bar.dataset.download] ?? {};
      if (state !== 'running') {
        trigger('panel', { panel: 'models', act: '' });
        return;
      }
      const megabytes = (bytes) => new Intl.NumberFormat(document.documentElement.lang, {
        style: 'unit', unit: 'megabyte', maximumFractionDigits: 0,
      }).format(bytes / 1e6);
      const said = total ? texts().far : texts().come;
      bar.nextElementSibling.textContent = said.replace('{come}', megabytes(done)).replace('{whole}', megabytes(total));
      if (total) Object.assign(bar, { max: total, value: done });
    }
  }
  setInterval(lookAtDownloads, 1000);
  // An appeal may be decided in another tab or by somebody else: whoever comes back to this page sees it.
  function askAgain() {
    const waiting = document.querySelectorAll('#transcript .outcome.open').length;
    const typing = document.activeElement?.closest('#transcript') && document.activeElement.value;
    if (waiting && !running && !document.hidden && !typing) trigger('act', { act: 'again', open: String(waiting) });
  }
  window.addEventListener('focus', askAgain);
  document.addEventListener('visibilitychange', askAgain);
  setInterval(askAgain, 60_000);
  // Leaving the page stops the answer that is being written: ask first.
  window.addEventListener('beforeunload', (event) => {
    if (running) event.preventDefault();
  });
  const watcher = new MutationObserver(redrawn);
  for (const id of ['transcript', 'running', 'inspector', 'chats', 'panel']) {
    watcher.observe(byId(id), { subtree: true, childList: true, characterData: true, attributes: true });
  }
  redrawn();
}
