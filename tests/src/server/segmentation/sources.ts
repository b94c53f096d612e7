export { folderSource, phantomSource } from '@medsam2/server/testing';
