/** Names under which OHIF knows the parts of this plug-in. */
export const extensionId = '@medsam2/ohif-extension';
export const modeId = '@medsam2/ohif-mode';
export const routeName = 'medsam2';
export const panelName = 'medsam2';
export const panelId = `${extensionId}.panelModule.${panelName}`;
/** Tag of the panel's element; known to the page from the moment on when the extension was registered. */
export const panelTag = 'medsam2-panel';
