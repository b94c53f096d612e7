/** Language of the host's interface: i18next keeps its choice in the browser's storage. */
export function hostLanguage(page: Pick<Window, 'localStorage' | 'navigator' | 'location'>): string {
  const asked = new URLSearchParams(page.location.search).get('lng');
  return asked ?? stored(page) ?? page.navigator.language;
}

function stored(page: Pick<Window, 'localStorage'>): string | null {
  try {
    return page.localStorage.getItem('i18nextLng');
  } catch (error) {
    // Storage may be forbidden by the browser's settings; the navigator's language remains.
    if (error instanceof DOMException) return null;
    throw error;
  }
}
