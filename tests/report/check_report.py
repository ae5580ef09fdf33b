"""A report in a browser: no console errors, nothing fetched, the map answers pointer, touch and keys, the switch works.

    python tests/report/check_report.py PROGRAM [PAGE.html]     (needs chromium, websockets; CHROMIUM names the browser)

Without a page, short runs on the procedural world are made and reported on. Screenshots of the page, 1200 and 390 pixels wide,
light and dark, and a PDF go to the folder SHOTS names, where it is set; SHOT_HEIGHT cuts the screenshots to that many pixels.
"""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import websockets

PROGRAM = os.path.abspath(sys.argv[1])
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = os.environ.get("SHOTS")
SHOT_HEIGHT = int(os.environ.get("SHOT_HEIGHT", 1000000))


def make_page(folder):
    data = "world:images?n=240&size=32"
    for method in ("rotation", "simclr"):
        subprocess.run([PROGRAM, "pretrain", method, data, "--width", "8", "--epochs", "2", "--batch", "32", "--threads",
                        "1", "--profile", "-q", "--out", method], cwd=folder, check=True)
    subprocess.run([PROGRAM, "probe", "rotation", data, "--layers", "all", "--threads", "1"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([PROGRAM, "report", "rotation", "simclr", "--threads", "1", "-o", "page.html"], cwd=folder, check=True)
    return os.path.join(folder, "page.html")


class Browser:
    """One page over the DevTools protocol."""

    def __init__(self, socket):
        self.socket, self.number, self.events = socket, 0, []

    async def call(self, method, **parameters):
        self.number += 1
        await self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await self.socket.recv())
            if message.get("id") == self.number:
                assert "error" not in message, (method, message)
                return message["result"]
            self.events.append(message)

    async def value(self, expression):
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, (expression, result)
        return result["result"].get("value")

    async def open(self, page, width, scheme="light", mobile=False):
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=2 if mobile else 1,
                        mobile=mobile)
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.call("Page.navigate", url="file://" + page)
        for _ in range(100):
            if await self.value("document.readyState") == "complete":
                return
            await asyncio.sleep(0.05)
        raise SystemExit("the page does not load")

    async def shoot(self, name):
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], SHOT_HEIGHT), "scale": 1}
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        with open(os.path.join(SHOTS, name), "wb") as file:
            file.write(base64.b64decode(shot["data"]))


TIP = "(function(t){return t.hidden?null:[t.querySelector('p').textContent,t.querySelector('.face').style.backgroundPosition]})" \
      "(document.querySelector('.tip'))"
POINT = "(function(){var s=document.querySelector('.ground svg');s.scrollIntoView({block:'center'});" \
        "var u=s.querySelectorAll('.%s use')[%d].getBoundingClientRect();return [u.x+u.width/2,u.y+u.height/2]})()"


async def check_map(browser, touch):
    names = await browser.value("Array.from(document.querySelector('.ground g').children).length")
    assert names >= 4, names
    assert await browser.value("document.querySelectorAll('.ground use title').length") == 0  # the script has taken them
    seen = set()
    for index in (0, names // 2, names - 1):
        x, y = await browser.value(POINT % ("tsne", index))
        if touch:
            await browser.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
            await browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        else:
            await browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        tip = await browser.value(TIP)
        assert tip and tip[0], "no label at a point"
        seen.add(tuple(tip))
    assert len(seen) > 1, "the same label everywhere"
    await browser.value("document.querySelector('.ground svg').focus()")
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        before = await browser.value(TIP)
        await browser.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key)
        await browser.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)
        after = await browser.value(TIP)
        assert after and after[0], key
        seen.add(after != before)
    assert True in seen, "the keys go nowhere"
    await browser.call("Input.dispatchKeyEvent", type="keyDown", key="Escape", code="Escape")
    assert await browser.value(TIP) is None
    shown = "getComputedStyle(document.querySelector('.ground .%s')).display"
    assert await browser.value(shown % "plane") == "none" and await browser.value(shown % "tsne") != "none"
    await browser.value("document.querySelectorAll('.switch label')[1].click()")
    assert await browser.value(shown % "plane") != "none" and await browser.value(shown % "tsne") == "none"
    await browser.value("document.querySelector('.classes button').click()")
    lit = await browser.value("document.querySelector('.ground').querySelectorAll('use.on').length")
    assert 0 < lit < 2 * names, lit
    await browser.value("document.querySelector('.classes button').click()")


async def check(page, address):
    async with websockets.connect(address, max_size=None) as socket:
        browser = Browser(socket)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await browser.call(domain + ".enable")
        for width, scheme, mobile in ((1200, "light", False), (390, "light", True), (1200, "dark", False), (390, "dark", True)):
            await browser.open(page, width, scheme, mobile)
            wide = await browser.value("document.documentElement.scrollWidth")
            assert wide <= width, f"{wide} pixels wide on a screen of {width}"
            if SHOTS:
                await browser.shoot(f"{width}-{scheme}.png")
            await browser.call("Emulation.setTouchEmulationEnabled", enabled=mobile)
            await check_map(browser, mobile)
        ground = await browser.value("getComputedStyle(document.body).backgroundColor")
        assert ground != "rgb(255, 255, 255)", ground  # dark
        await browser.call("Emulation.setEmulatedMedia", features=[])
        pdf = await browser.call("Page.printToPDF", preferCSSPageSize=True)
        if SHOTS:
            with open(os.path.join(SHOTS, "page.pdf"), "wb") as file:
                file.write(base64.b64decode(pdf["data"]))
        await browser.call("Emulation.setScriptExecutionDisabled", value=True)  # of use without it too
        await browser.open(page, 1200)
        titles = await browser.value("document.querySelectorAll('.ground use title').length")
        assert titles >= 4, titles
        wrong = [event for event in browser.events
                 if event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")]
        assert not wrong, wrong
        fetched = {event["params"]["request"]["url"][:60] for event in browser.events
                   if event["method"] == "Network.requestWillBeSent"}
        assert all(url.startswith(("file:", "data:")) for url in fetched), fetched


def main():
    folder = tempfile.mkdtemp()
    browser = None
    try:
        page = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else make_page(folder)
        browser = subprocess.Popen(
            [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0",
             "--user-data-dir=" + os.path.join(folder, "browser"), "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = os.path.join(folder, "browser", "DevToolsActivePort")
        for _ in range(200):
            if os.path.exists(port) and open(port).read().count("\n") >= 1:
                break
            time.sleep(0.05)
        address = "http://127.0.0.1:%s/json" % open(port).readline().strip()
        target = next(one for one in json.load(urllib.request.urlopen(address)) if one["type"] == "page")
        asyncio.run(check(page, target["webSocketDebuggerUrl"]))
        print("the report is sound: %s, %.1f MB" % (os.path.basename(page), os.path.getsize(page) / 1e6))
    finally:
        if browser:
            browser.terminate()
            browser.wait()
        shutil.rmtree(folder, ignore_errors=True)


main()
