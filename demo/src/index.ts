export * from './phantoms/index.js';
export { dicomWebPlugin } from './orthanc/find.js';
export { startOrthanc, type Orthanc, type OrthancOptions, type Uploaded } from './orthanc/orthanc.js';
export { startServerProcess, type ServerProcess, type ServerProcessOptions } from './server/server-process.js';
export { appConfig, pluginFolder, type AppConfigOptions } from './viewer/app-config.js';
export { assembleViewer, builtPlugin, type AssembleOptions } from './viewer/assemble.js';
export { fetchViewer, type FetchOptions } from './viewer/fetch.js';
export { defaultViewerVersion, viewerVersions } from './viewer/versions.js';
export { repositoryRoot } from './repository.js';
