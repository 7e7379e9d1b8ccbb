"""The pages in a headless Chromium: by mouse and by keyboard, wide and narrow, light and dark.

Screenshots are kept in .harness/screenshots.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from harness.compare.page import format_page
from harness.report.write import write_report
from harness.settings import Settings
from tests.compare.test_page import a_comparison, a_difference
from tests.report.sessions import a_session

WIDE, NARROW = 1280, 400
HEIGHT = 900
TALLEST = 6000
BROWSERS = ("chromium", "google-chrome", "chromium-browser")


def find_browser() -> tuple[str, str]:
    """Return the paths of the browser and its driver, which `tools/chromium` installs on Debian."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver") or shutil.which("chromedriver", path=os.environ.get("CHROMEWEBDRIVER", ""))
    if browser and driver:
        return browser, driver
    lacking = "not run: needs Chromium and chromedriver; `tools/chromium` installs them on Debian"
    if os.environ.get("CI"):
        pytest.fail(lacking)
    pytest.skip(lacking)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    browser, driver = find_browser()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",  # It opens only the harness's page, and Chromium has no sandbox for root.
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    running = webdriver.Chrome(options=options, service=Service(driver))
    yield running
    running.quit()


@pytest.fixture
def page(chromium: webdriver.Chrome, tmp_path: Path) -> webdriver.Chrome:
    """The newly opened page of the handwritten session."""
    file = write_report(a_session(), tmp_path)
    show(chromium, WIDE, "light")
    for log in ("performance", "browser"):
        chromium.get_log(log)
    chromium.get(file.as_uri())
    return chromium


def show(browser: webdriver.Chrome, width: int, scheme: str, height: int = HEIGHT) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def list_titles(browser: webdriver.Chrome) -> list[str]:
    """Return the visible titles of the table."""
    links = browser.find_elements(By.CSS_SELECTOR, ".scenarios tbody a")
    return [link.text for link in links if link.is_displayed()]


def details(browser: webdriver.Chrome) -> WebElement:
    """Return the details of the failed scenario."""
    return browser.find_element(By.ID, "s1")


def await_focus(browser: webdriver.Chrome) -> WebElement:
    """Wait until `hashchange` opens the scenario of a clicked link, and return the focused element."""
    WebDriverWait(browser, 20).until(lambda one: one.switch_to.active_element.tag_name == "summary")
    return browser.switch_to.active_element


def press(browser: webdriver.Chrome, *keys: str) -> WebElement:
    """Press keys in the focused element, and return the element that has the focus then."""
    for key in keys:
        browser.switch_to.active_element.send_keys(key)
    return browser.switch_to.active_element


def test_a_failure_can_be_found_by_mouse(page: webdriver.Chrome) -> None:
    assert list_titles(page) == ["the cruncher fails", "hello", "refused", "needs an engine"]

    page.find_element(By.XPATH, "//label[normalize-space()='failed']").click()
    assert list_titles(page) == ["the cruncher fails", "refused"]
    page.find_element(By.ID, "words").send_keys("AIRBNB 2021")
    assert list_titles(page) == ["the cruncher fails"]
    assert page.find_element(By.ID, "shown").text == "1 of 4 shown"
    assert [
        one.get_attribute("id") for one in page.find_elements(By.CSS_SELECTOR, "details.scenario:not([hidden])")
    ] == ["s1"]

    assert details(page).get_attribute("open"), "a failed scenario is open"
    details(page).find_element(By.TAG_NAME, "summary").click()
    assert details(page).get_attribute("open") is None
    page.find_element(By.LINK_TEXT, "the cruncher fails").click()
    await_focus(page)
    assert details(page).get_attribute("open")
    log = details(page).find_element(By.CSS_SELECTOR, "[aria-label='Log of task crunch, attempt 2']")
    assert log.is_displayed()
    assert "ValueError: " in log.text
    assert page.title == "2 failed, 1 passed: Airflow scenarios", "no script from a log was run"

    page.find_element(By.ID, "words").send_keys(" nowhere")
    assert list_titles(page) == []
    assert page.find_element(By.ID, "nothing").is_displayed()


def test_a_failure_can_be_found_by_keyboard(page: webdriver.Chrome) -> None:
    assert press(page, Keys.TAB).get_attribute("id") == "words"
    press(page, "cruncher")
    assert press(page, Keys.TAB).get_attribute("value") == "all"
    assert press(page, Keys.ARROW_RIGHT).get_attribute("value") == "failed"
    assert list_titles(page) == ["the cruncher fails"]
    assert [press(page, Keys.TAB).get_attribute("data-sort") for _ in range(5)] == [
        "title",
        "dag",
        "date",
        "outcome",
        "seconds",
    ]
    press(page, Keys.ENTER)
    head = page.find_element(By.CSS_SELECTOR, "th.c-seconds")
    assert head.get_attribute("aria-sort") == "ascending"
    press(page, Keys.SPACE)
    assert head.get_attribute("aria-sort") == "descending"

    link = press(page, Keys.TAB)
    assert link.text == "the cruncher fails"
    outline = "return getComputedStyle(arguments[0]).outlineStyle"
    assert page.execute_script(outline, link) == "solid", "the focus is visible"
    press(page, Keys.ENTER)
    assert "the cruncher fails" in await_focus(page).text
    assert details(page).get_attribute("open")
    press(page, Keys.ENTER)
    assert details(page).get_attribute("open") is None


def test_the_table_is_sorted_by_numbers_and_words(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "[data-sort=seconds]").click()
    assert list_titles(page) == ["needs an engine", "refused", "hello", "the cruncher fails"]
    page.find_element(By.CSS_SELECTOR, "[data-sort=title]").click()
    assert list_titles(page) == ["hello", "needs an engine", "refused", "the cruncher fails"]


def test_the_page_sends_no_requests_and_logs_no_errors(page: webdriver.Chrome) -> None:
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert page.current_url in asked, "requests are seen"
    assert [url for url in asked if not url.startswith(("file://", "data:"))] == []
    assert {url for url in asked if url.startswith("file://")} == {page.current_url}
    assert page.get_log("browser") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_is_readable(page: webdriver.Chrome, harness_settings: Settings, width: int, scheme: str) -> None:
    show(page, width, scheme)
    page.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    wide, visible = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert visible == width
    assert wide <= width, "no sideways scrolling"
    assert page.execute_script(CONTRASTS) == []

    folder = harness_settings.root / ".harness" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for opened in ("the-table", "a-failure"):
        page.execute_script(
            "document.querySelectorAll('details').forEach((one) => { one.open = arguments[0] && one.id === 's1' })",
            opened == "a-failure",
        )
        height = page.execute_script("return document.documentElement.scrollHeight")
        show(page, width, scheme, min(height, TALLEST))
        assert page.save_screenshot(str(folder / f"{opened}-{width}-{scheme}.png"))


def list_fields(browser: webdriver.Chrome) -> list[str]:
    """Return the fields of the visible differences."""
    found = browser.find_elements(By.CSS_SELECTOR, "details.difference > summary .name code")
    return [field.text for field in found if field.is_displayed()]


def test_the_page_of_a_comparison(chromium: webdriver.Chrome, tmp_path: Path, harness_settings: Settings) -> None:
    differences = a_comparison().differences
    accepted = a_difference(field="xcoms.accepted", accepted="since 3.3")
    comparison = a_comparison(*differences, accepted, a_difference(field="warnings.w", verdict="warning", fails=False))
    file = tmp_path / "index.html"
    file.write_text(format_page(comparison))
    chromium.get_log("browser")
    show(chromium, WIDE, "light")
    chromium.get(file.as_uri())
    fields = ["objects.out.a.txt.text", "objects.out.b.csv.values.n", "xcoms.t.k", "warnings.w"]
    assert list_fields(chromium) == fields, "accepted ones are folded"
    assert chromium.find_element(By.CSS_SELECTOR, ".summary").text.endswith(
        "FAILED: 1 scenario compared, 3 changed, 1 warning, 1 accepted"
    )
    text = next(one for one in chromium.find_elements(By.CSS_SELECTOR, ".difference") if "a.txt" in one.text)
    before, after = (text.find_element(By.CSS_SELECTOR, f"td.{tag}") for tag in ("del", "ins"))
    assert (before.text, after.text) == ("number 1", "number 2")
    assert before.rect["y"] == after.rect["y"]
    assert before.rect["x"] < after.rect["x"]

    chromium.find_element(By.ID, "words").send_keys("MINIO csv")
    assert list_fields(chromium) == fields[1:2]
    assert chromium.find_element(By.ID, "shown").text == "1 of 5 shown"
    chromium.find_element(By.ID, "words").clear()
    for kind, expected in (("warning 1", fields[3:]), ("accepted 1", ["xcoms.accepted"]), ("all", fields)):
        chromium.find_element(By.XPATH, f"//label[normalize-space()='{kind}']").click()
        assert list_fields(chromium) == expected

    linked = chromium.find_element(By.XPATH, "//details[contains(@data-words, 'xcoms.accepted')]").get_attribute("id")
    chromium.get("about:blank")
    chromium.get(f"{file.as_uri()}#{linked}")
    assert list_fields(chromium) == [*fields, "xcoms.accepted"], "a deep link opens the list"
    assert chromium.find_element(By.CSS_SELECTOR, f"#{linked} .reason").is_displayed()
    at = chromium.execute_script("return document.getElementById(arguments[0]).getBoundingClientRect().top", linked)
    assert 0 <= at < HEIGHT, "the linked difference is in view"
    assert chromium.get_log("browser") == []

    for width, scheme in ((WIDE, "dark"), (NARROW, "light")):
        show(chromium, width, scheme)
        wide, visible = chromium.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert (wide, visible) == (width, width), "no sideways scrolling"
        assert chromium.execute_script(CONTRASTS) == []
        folder = harness_settings.root / ".harness" / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        assert chromium.save_screenshot(str(folder / f"comparison-{width}-{scheme}.png"))


# Elements whose text has a contrast ratio below 4.5 to 1 (WCAG AA).
CONTRASTS = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = channels(colour).map((c) => linear(c / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (channels(colour)[3] !== 0) return colour;
  }
};
const weak = [];
for (const element of document.body.querySelectorAll('*')) {
  const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!says || element.closest('svg, script, .unseen')) continue;
  const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(`${element.tagName}.${element.className}`);
}
return weak;
"""
