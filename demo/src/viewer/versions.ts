import { UserError } from '@medsam2/models';

/** Prebuilt viewers that this project is tested with, and the SHA-512 of their npm packages as the registry states it. */
export const viewerVersions: Readonly<Record<string, string>> = {
  '3.11.1': 'sha512-0lJRyHguGuIR06PxeJ3rqnPWf1OAqsaXGuqT2kl5HkNjIOxBDnRTTMvyHnkn3ZyjcHlsIhY8gf0h7AhVORqsSQ==',
  '3.12.10': 'sha512-0kuF66Mq9c9dMD++bUsTjMrJpXJwaZhz9B4uS244DawAjSkTwIYFU93pxPuRUQixaRi7QAHlF3Fe1qudBlZrmA==',
  '3.13.2': 'sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==',
};
export const defaultViewerVersion = '3.12.10';

/** @returns the integrity of a version's package; @throws UserError `viewer-version` */
export function integrityOf(version: string): string {
  if (Object.hasOwn(viewerVersions, version)) return viewerVersions[version];
  throw new UserError(
    'viewer-version',
    `OHIF ${version} is not among the versions that this project is tested with.`,
    `Choose one of ${Object.keys(viewerVersions).join(', ')}.`,
  );
}
