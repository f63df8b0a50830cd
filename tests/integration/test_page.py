"""The dashboard in a real browser: what it shows, to whom, to the keyboard, and that other people's text stays text."""
import json
import os
import pathlib
import signal
import time
import unittest

import browser
import gen_events
import harness

HOSTILE = ["<img src=x onerror=window.pwned=1>", '"><script>window.pwned=2</script>', "javascript:window.pwned=3", "\u202egnp.live", "a" * 300, "{{7*7}}${7*7}", "x'/onfocus=window.pwned=4/"]
TOKEN = "s3cret-of-the-page"

# Text whose colours are too close for WCAG AA: 4.5, and 3 for large text. Backgrounds are opaque or have an opaque ancestor.
CONTRAST = """(() => {
  const channel = v => (v /= 255, v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
  const over = (a, b) => { const k = a[3] === undefined ? 1 : a[3]; return [0, 1, 2].map(i => a[i] * k + b[i] * (1 - k)); };
  const ground = e => e ? (c => (c[3] === 0 ? ground(e.parentElement) : over(c, c[3] === undefined ? [0, 0, 0] : ground(e.parentElement))))(parse(getComputedStyle(e).backgroundColor)) : [255, 255, 255];
  const bad = new Set(), root = document.querySelector('dialog[open]') || document.body, walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let n; n = walk.nextNode();) {
    const e = n.parentElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!n.data.trim() || box.width < 2 || style.visibility === 'hidden' || e.closest('.off, [hidden], script, style, dialog:not([open]), .skip, noscript, details:not([open]) > :not(summary)')) continue;
    const fg = over(parse(e instanceof SVGElement ? style.fill : style.color), ground(e)), bg = ground(e);
    const [hi, lo] = [light(fg), light(bg)].sort((a, b) => b - a), ratio = (hi + .05) / (lo + .05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    seen++;
    if (ratio < (large ? 3 : 4.5)) bad.add(`${ratio.toFixed(2)} "${n.data.trim().slice(0, 30)}" ${e.tagName}.${e.getAttribute('class')}`);
  }
  return {seen, bad: [...bad]};
})()"""

# What assistive technology would miss.
STRUCTURE = """(() => {
  const wrong = [], all = s => [...document.querySelectorAll(s)];
  const ids = all('[id]').map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push('id twice: ' + id);
  for (const e of all('[aria-labelledby], [aria-describedby]')) for (const a of ['aria-labelledby', 'aria-describedby'])
    for (const id of (e.getAttribute(a) || '').split(' ').filter(Boolean)) if (!document.getElementById(id)) wrong.push(`${a}: no ${id}`);
  for (const e of all('label[for]')) if (!document.getElementById(e.htmlFor)) wrong.push('label for nothing');
  for (const t of all('table')) if (!t.querySelectorAll('thead th[scope=col]').length) wrong.push('table without headers');
  for (const t of all('thead tr')) for (const b of t.closest('table').tBodies) for (const r of b.rows)
    if ([...r.cells].reduce((n, c) => n + c.colSpan, 0) !== t.cells.length) wrong.push('row of another width: ' + r.innerText);
  for (const e of all('svg')) if (e.getAttribute('aria-hidden') !== 'true' && !(e.getAttribute('role') === 'img' && e.getAttribute('aria-label'))) wrong.push('picture without a name');
  for (const e of all('.scroll')) if (e.scrollWidth > e.clientWidth && e.tabIndex < 0) wrong.push('scrolls, but not by keyboard');
  for (const e of all('.scroll')) if (!e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby')) wrong.push('scrolls, without a name');
  for (const one of ['main', 'header.top', 'h1', '[role=search]', '[role=status][aria-live=polite]']) if (all(one).length !== 1) wrong.push('not one ' + one);
  const levels = all('h1, h2, h3').map(h => +h.tagName[1]);
  levels.forEach((l, i) => { if (i && l > levels[i - 1] + 1) wrong.push('a heading is left out'); });
  if (!document.documentElement.lang) wrong.push('no language');
  return wrong;
})()"""

# Tiles that cut their text, were it the longest.
CUT = """(() => {
  const dds = [...document.querySelectorAll('#tiles dd.sub')];
  for (const e of dds) e.textContent = '99\u00a0%:\u00a012,345, 99.9\u00a0%:\u00a067,890';
  return dds.filter(e => e.scrollWidth > e.clientWidth || getComputedStyle(e).textOverflow !== 'clip').map(e => e.parentElement.innerText);
})()"""


def nodes(page, *roles):
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    return [n for n in tree if not n.get("ignored") and n.get("role", {}).get("value") in roles]


class Page(unittest.TestCase):
    def setUp(self):
        if not browser.program():
            self.skipTest("no chromium")

    def url(self, h, rest=""):
        return f"http://{h.config['http']['listen']}/{rest}"

    def nothing_ran(self, page):
        self.assertIsNone(page.js("window.pwned || null"))
        self.assertEqual(page.js("document.querySelectorAll('img, iframe, object, embed, body script ~ script').length"), 0)
        self.assertEqual(page.js("[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length"), 0)

    def readable(self, page, where):
        found = page.js(CONTRAST)
        self.assertGreater(found["seen"], 40, where)
        self.assertEqual(found["bad"], [], where)
        self.assertEqual(page.js(STRUCTURE), [], where)
        for n in nodes(page, "button", "textbox", "searchbox", "combobox", "radio", "link", "table", "region", "dialog", "image"):
            self.assertTrue(n.get("name", {}).get("value"), f"{where}: {n.get('role')} without a name")

    def test_who_sees_no_contacts_is_told_what_became_of_the_events(self):
        setup = harness.Setup(partitions=1, inputs=["web.engagement"], threads=1, format="json")
        (setup.dir / "model.yaml").write_text((setup.dir / "model.yaml").read_text().replace("sal: true", "sal: false"))
        with setup.run() as h, browser.Browser() as page:
            h.wait_ready()
            page.size(1440, 900)
            page.go(self.url(h))
            page.wait("document.getElementById('tally').innerText === 'No event has been read since the start.'")
            page.wait("document.getElementById('verdict').innerText === 'No contacts yet: waiting for a first event.'")
            self.readable(page, "empty")
            strange = [harness.event("c", "moon_landed"), harness.event("c", "moon_landed")]
            gen_events.produce(harness.kafka().bootstrap, [(setup.inputs[0], "c", json.dumps(e).encode()) for e in strange] + [(setup.inputs[0], "c", b"{")])
            page.wait("document.getElementById('tally').innerText === '3 events read since the start: 0 scored, 2 ignored (types that are not known, machines, "
                      "contacts that are out), 0 duplicates, 1 dead letter.'")
            page.wait("document.getElementById('verdict').innerText === 'No contacts yet: none of the events that were read was scored.'")
            page.wait("document.getElementById('funnel-foot').innerText !== ''")
            stages = page.js("[...document.getElementById('hot-stage').options].map(o => o.text)")
            self.assertIn("MQL", stages)
            self.assertNotIn("SAL", stages)   # this model does without
            self.readable(page, "unused")

    def test_what_it_shows_and_that_the_text_of_others_stays_text(self):
        pictures = pathlib.Path(os.environ.get("HL_PICTURES", ""))
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], threads=1)
        (setup.dir / "token").write_text(TOKEN + "\n")
        setup.config["http"]["token_file"] = "token"
        setup.config["outputs"]["format"] = "json"   # what is shown does not depend on it
        with setup.run() as h, browser.Browser() as page:
            h.wait_ready()
            events = [harness.event(c, "form_submitted", attributes=harness.GOOD_FIT, form="demo") for c in HOSTILE]
            events += [harness.event(c, "owner_assigned", attributes={"owner": "<b onclick=window.pwned=5>me"}) for c in HOSTILE]
            events += [harness.event(f"c-{i}", "form_submitted", form="newsletter") for i in range(30)]
            gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(events, setup.inputs))
            setup.wait_done(h)
            page.size(1440, 900)

            # without the token there is nothing to see; a wrong one is told
            page.go(self.url(h))
            page.wait("document.getElementById('ask').open")
            self.assertNotIn("img src", page.js("document.body.innerText"))
            self.assertEqual(page.js("document.querySelectorAll('button.id').length"), 0)
            self.assertEqual(page.js("[...document.getElementById('hot-stage').options].slice(0, 3).map(o => o.text)"), ["all", "Anonymous", "Subscriber"])   # before the funnel
            page.type("wrong")
            page.key("Enter")
            page.wait("document.getElementById('ask').open && !document.getElementById('ask-wrong').hidden")
            page.type(TOKEN)
            page.key("Enter")
            page.wait("document.querySelectorAll('#hot button.id').length >= 7")
            self.assertEqual(page.js("[sessionStorage.getItem('hotlead-token'), JSON.stringify(localStorage).includes('s3cret'), document.cookie]"), [TOKEN, False, ""])
            for url, _ in page.requests:
                self.assertNotIn("s3cret", url)
                self.assertTrue(url.startswith(self.url(h)) or url.startswith("data:") or url == "about:blank", url)   # nothing from elsewhere

            # everything has come, and what others wrote is text
            page.wait("document.querySelectorAll('#live button.id').length >= 20")
            page.wait("document.querySelectorAll('#funnel tr').length >= 10 && document.querySelector('#chart svg') && document.getElementById('state-text').innerText === 'Ready'")
            ids = "[...document.querySelectorAll('#hot button.id')].map(b => b.textContent)"
            page.wait(f"{ids}.filter(id => !id.startsWith('c-')).length >= {len(HOSTILE)}")   # the first look at the table may have come too early
            shown = page.js(ids)
            self.assertLessEqual({c.replace("\u202e", "\\u{202e}") for c in HOSTILE}, set(shown))   # what would turn the text around is written out
            self.assertIn("<b onclick=window.pwned=5>me", page.text("#hot"))
            page.wait("[...document.querySelectorAll('#funnel tr')].some(r => r.cells[0].firstChild.data === 'Subscriber' && r.cells[1].innerText === '30')")   # so may the funnel's
            rows = {r[0]: r for r in page.js("[...document.querySelectorAll('#funnel tr')].map(r => [r.cells[0].firstChild.data, r.cells[1].innerText])")}
            self.assertEqual(rows["Subscriber"][1], "30")
            self.assertEqual(rows["MQL"][1], str(len(HOSTILE)))
            self.nothing_ran(page)
            self.readable(page, "light")

            # reasons for who points, or comes by keyboard
            page.js("document.querySelector('#hot button.id').focus()")
            page.wait("!document.getElementById('tip').hidden && document.getElementById('tip').innerText.includes('points')")
            self.assertEqual(page.js("document.activeElement.getAttribute('aria-describedby')"), "tip")
            page.key("Escape")
            self.assertTrue(page.js("document.getElementById('tip').hidden"))

            # a contact, by keyboard: its rows add up, its history is there, Escape gives the focus back
            for contact in HOSTILE[:2]:
                page.js(f"[...document.querySelectorAll('#hot button.id')].find(b => b.textContent === {json.dumps(contact)}).focus()")
                page.key("Enter")
                page.wait("document.getElementById('contact').open && document.querySelector('#contact .plot') && document.querySelectorAll('#contact .steps li').length === 3")
                self.assertEqual(page.text("#contact-id"), contact)
                self.assertIn("adding up exactly", page.text("#contact-body"))
                total = page.js("[...document.querySelectorAll('#contact tbody tr')].map(r => parseFloat(r.cells[r.cells.length - 1].innerText.replace('−', '-'))).reduce((a, b) => a + b)")
                score = float(page.text("#contact .facts .big"))
                self.assertAlmostEqual(total, score, delta=0.5)   # each rounded to a tenth
                self.assertEqual(page.js("document.activeElement.closest('dialog').id"), "contact")
                self.nothing_ran(page)
                page.key("Escape")
                page.wait("!document.getElementById('contact').open")
                self.assertEqual(page.js("document.activeElement.textContent"), contact)
            page.go(self.url(h, "#contact/nobody"))
            page.wait("document.getElementById('contact-body').innerText.includes('no such contact')")
            page.key("Escape")

            # dark, narrow, and with the contact open: as readable, and nothing sticks out
            for name, width, dark in (("dark", 1440, True), ("narrow", 360, False), ("narrow-dark", 360, True)):
                page.size(width, 900, dark)
                time.sleep(0.3)
                self.readable(page, name)
                self.assertLessEqual(page.js("document.documentElement.scrollWidth"), width, name)
                self.assertEqual(page.js(CUT), [], name)
                if str(pictures) != ".":
                    page.picture(pictures / f"{name}.png")
            page.js("document.querySelector('#hot button.id').click()")
            page.wait("document.querySelector('#contact .plot')")
            self.readable(page, "contact")
            page.key("Escape")

            # new transitions come by themselves
            page.size(1440, 900)
            gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records([harness.event("late", "form_submitted", attributes=harness.GOOD_FIT, form="demo")], setup.inputs))
            page.wait("[...document.querySelectorAll('#live button.id')].filter(b => b.textContent === 'late').length === 3")
            page.wait("[...document.querySelectorAll('#hot button.id')].some(b => b.textContent === 'late')")
            page.js("document.getElementById('pause').click()")
            self.assertEqual(page.js("document.getElementById('pause').getAttribute('aria-pressed')"), "true")

            # a process that goes is told, and what was there stays
            expected = [c for c in page.console if not any(status in c for status in ("401", "404", "503"))]   # the browser notes refusals that we caused
            self.assertEqual(expected, [])
            self.assertEqual(h.stop(), 0)
            page.wait("document.getElementById('state-text').innerText === 'No answer' && document.getElementById('trouble').innerText.includes('does not answer, since')")
            self.assertGreaterEqual(page.js("document.querySelectorAll('#hot button.id').length"), 7)
            self.nothing_ran(page)

    def test_a_model_that_is_tried_is_shown_and_one_that_was_refused_is_told(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], threads=1, shadow={"model": "shadow.yaml"})
        text = harness.MODEL.read_text()
        (setup.dir / "shadow.yaml").write_text(text.replace('"it.1"', '"<i>it.2"').replace("mql: {enter: 40.5}", "mql: {enter: 30.5}"))
        with setup.run() as h, browser.Browser() as page:
            h.wait_ready()
            gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(
                [harness.event(c, "form_submitted", attributes=harness.GOOD_FIT, form="newsletter") for c in HOSTILE], setup.inputs))
            setup.wait_done(h)
            page.size(1440, 900)
            page.go(self.url(h))
            page.wait(f"document.getElementById('shadow-verdict').innerText === 'integration <i>it.2: {len(HOSTILE)} of {len(HOSTILE)} contacts would be in another stage.'")
            page.js("document.querySelector('#shadow details').open = true")
            self.assertEqual(page.js("[...document.querySelectorAll('#shadow-stages tr')].map(r => [...r.cells].map(c => c.innerText))"),
                             [["Lead", "7", "0", "\u22127"], ["MQL", "0", "7", "+7"]])
            self.assertEqual(page.js("document.querySelectorAll('#shadow-who button.id').length"), len(HOSTILE))
            self.readable(page, "shadow")
            (setup.dir / "model.yaml").write_text("model: [")
            h.child.send_signal(signal.SIGHUP)
            page.wait("document.getElementById('trouble').innerText.startsWith('A new model was refused, the one before scores on: ')")
            (setup.dir / "model.yaml").write_text(text.replace('"it.1"', '"it.9"'))
            h.child.send_signal(signal.SIGHUP)
            page.wait("document.getElementById('model-name').innerText === 'integration it.9' && document.getElementById('trouble').innerText === ''")
            self.nothing_ran(page)
            self.assertEqual(h.stop(), 0)

    def test_a_page_of_elsewhere_whose_name_leads_here_learns_nothing(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], threads=1)
        with setup.run() as h, browser.Browser("--host-resolver-rules=MAP *.example 127.0.0.1") as page:
            h.wait_ready()
            page.call("Page.setBypassCSP", enabled=True)   # that page would have been served by somebody else, without our policy
            page.go(self.url(h).replace("127.0.0.1", "elsewhere.example"))
            self.assertIn("the request's Host is neither localhost", page.js("document.body.innerText"))
            asked = "Promise.all(['/v1/rank', '/metrics', '/livez'].map(p => fetch(p).then(r => r.status)))"
            self.assertEqual(page.js(asked), [421, 421, 421])
            page.go(self.url(h))
            self.assertEqual(page.js(asked), [200, 200, 200])
        setup.config["http"]["hosts"] = "lead.example"
        with setup.run() as h, browser.Browser("--host-resolver-rules=MAP *.example 127.0.0.1") as page:
            h.wait_ready()
            page.go(self.url(h).replace("127.0.0.1", "lead.example"))
            page.wait("document.getElementById('state-text').innerText === 'Ready'")


if __name__ == "__main__":
    unittest.main()
