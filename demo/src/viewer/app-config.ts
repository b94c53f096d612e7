/** The one file of the viewer that is replaced: its configuration, with the plug-in and the PACS behind the server. */

export interface AppConfigOptions {
  /** name of the PACS as the server knows it: `/dicomweb/NAME` */
  readonly pacs: string;
  /** whether the plug-in is to be loaded */
  readonly plugin: boolean;
  /** more of the viewer's settings, over those made here */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Where the plug-in's files lie, seen from app-config.js; `/medsam2` itself is the address of the mode. */
export const pluginFolder = 'plugins/medsam2';

const loading = `// The viewer waits for each of these. One that cannot be loaded is left out, and the viewer starts without it.
const medsam2 = (file, instead) =>
  import(new URL('${pluginFolder}/' + file, document.currentScript.src).href)
    .then((module) => module.default)
    .catch((error) => {
      console.error('The MedSAM2 plug-in was not loaded', error);
      return instead;
    });
`;

/** Text of app-config.js. */
export function appConfig({ pacs, plugin, settings = {} }: AppConfigOptions): string {
  const root = `/dicomweb/${pacs}`;
  const config = {
    routerBasename: null,
    customizationService: {},
    showStudyList: true,
    maxNumberOfWebWorkers: 2,
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: false,
    showLoadingIndicator: true,
    strictZSpacingForVolumeViewport: true,
    investigationalUseDialog: { option: 'never' },
    maxNumRequests: { interaction: 20, thumbnail: 5, prefetch: 10 },
    defaultDataSourceName: 'pacs',
    dataSources: [
      {
        namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
        sourceName: 'pacs',
        configuration: {
          friendlyName: 'PACS',
          name: 'pacs',
          wadoUriRoot: root,
          qidoRoot: root,
          wadoRoot: root,
          qidoSupportsIncludeField: true,
          imageRendering: 'wadors',
          thumbnailRendering: 'wadors',
          enableStudyLazyLoad: true,
          supportsFuzzyMatching: false,
          supportsWildcard: true,
          omitQuotationForMultipartRequest: true,
          bulkDataURI: { enabled: true },
        },
      },
    ],
    ...settings,
  };
  const [extensions, modes] = plugin
    ? [`[medsam2('extension.js', { id: '@medsam2/unavailable' })]`, `[medsam2('mode.js', null)]`]
    : ['[]', '[]'];
  return [
    plugin ? `${loading}\n` : '',
    'window.config = {\n',
    `  extensions: ${extensions},\n  modes: ${modes},\n`,
    `  ...${JSON.stringify(config, null, 2).replaceAll('\n', '\n  ')},\n`,
    '};\n',
  ].join('');
}
