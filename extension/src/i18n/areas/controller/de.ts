import type { en } from './en.js';

export const de: Readonly<Record<keyof typeof en, string>> = {
  'why.no-prompt': 'Zeichnen Sie zuerst einen Prompt.',
  'why.connecting': 'Verbindung zum Segmentierungsserver wird aufgebaut …',
  'why.offline': 'Der Segmentierungsserver ist nicht erreichbar.',
  'why.login': 'Ihre Anmeldung ist abgelaufen. Melden Sie sich wieder an.',
  'why.reader': 'Ihr Konto darf ansehen, aber nicht segmentieren.',
  'why.series-loading': 'Die Serie wird geprüft …',
  'why.no-volume': 'Diese Serie enthält nichts, was segmentiert werden kann.',
  'why.choose-volume': 'Die Serie enthält mehrere Volumen: Wählen Sie eines.',
  'why.rejected':
    'Ein Befund zur Serie spricht gegen die Segmentierung: Lesen Sie ihn und akzeptieren Sie ihn, wo das möglich ist.',
  'why.no-session': 'Zeichnen Sie zuerst etwas, oder beginnen Sie.',
  'why.no-segment': 'Wählen Sie zuerst ein Segment oder fügen Sie eines hinzu.',
  'why.locked': '„{segment}“ ist gesperrt.',
  'why.running': 'Eine Propagierung läuft.',
  'why.not-running': 'Es läuft keine Propagierung.',
  'why.no-range': 'Legen Sie zuerst einen Bereich fest.',
  'why.no-undo': 'Es gibt nichts rückgängig zu machen.',
  'why.no-redo': 'Es gibt nichts zu wiederholen.',
  'why.empty': 'Es gibt nichts zurückzusetzen.',
  'why.none-doubtful': 'Keine Schicht dieses Segments ist unsicher.',
  'why.saving': 'Es wird gespeichert.',
  'why.read-only': 'Das Archiv {pacs} nimmt keine neuen Objekte an.',
  'why.nothing-to-save': 'Es gibt noch keine Maske zum Speichern.',
  'notice.defect':
    'In diesem Plug-in ist etwas fehlgeschlagen ({what}). Ihre bisherige Arbeit bleibt erhalten; versuchen Sie es erneut.',
  'notice.resumed': 'Ihre Arbeit an dieser Serie wurde wieder aufgenommen.',
  'notice.not-resumed':
    'Frühere Arbeit an dieser Serie konnte nicht wieder aufgenommen werden. Sie können neu beginnen.',
  'notice.absent': 'Das Modell erkennt auf Schicht {slice} kein Objekt.',
  'notice.prompt-failed': 'Der Prompt konnte nicht verwendet werden; er bleibt erhalten, siehe Seitenleiste.',
  'notice.prompt-waits': 'Der Prompt wird gesendet, sobald die Propagierung seines Segments beendet ist.',
  'notice.edit-waits': 'Die gemalte Korrektur wird gesendet, sobald die Propagierung ihres Segments beendet ist.',
  'notice.edit-outside':
    'Das Gemalte liegt auf einem Bild, das nicht zum gewählten Volumen gehört; es wird nicht verwendet.',
  'notice.run-stopped': 'Angehalten. Was schon da war, bleibt erhalten ({count} Schichten).',
  'notice.run-broken':
    'Die Propagierung brach ab. Was schon da war, bleibt erhalten; propagieren Sie für den Rest erneut.',
  'notice.run-nothing': 'Die Propagierung hat nichts gefunden.',
  'notice.run-done': 'Propagiert: {count} Schichten, von {first} bis {last}.',
  'notice.saved': 'Gespeichert als „{description}“; das Archiv hat es unverändert zurückgegeben.',
  'notice.save-waiting':
    '„{description}“ liegt sicher auf dem Server, aber noch nicht im Archiv. Es wird von selbst erneut versucht.',
  'notice.save-refused':
    'Das Archiv hat „{description}“ abgelehnt. Es bleibt auf dem Server und kann erneut gesendet werden.',
  'notice.session-gone': 'Die Sitzung wurde anderswo beendet; Gespeichertes liegt im Archiv.',
  'notice.offline':
    'Der Segmentierungsserver ist nicht erreichbar. Ihre Arbeit bleibt erhalten und wird später gesendet.',
  'notice.login': 'Ihre Anmeldung ist abgelaufen. Melden Sie sich wieder an; Ihre Arbeit bleibt erhalten.',
  'hint.absent':
    'Zeichnen Sie eine größere Box, setzen Sie einen Punkt auf das Objekt, oder wählen Sie eine andere Fensterung.',
  'hint.gap':
    'Auf Schicht {slice} wurde nichts erkannt: Sehen Sie dort nach und setzen Sie einen Prompt, wenn das Objekt darauf ist.',
  'problem.unreachable':
    'Der Segmentierungsserver ist nicht erreichbar. Prüfen Sie, ob er läuft und das Netzwerk den Zugriff erlaubt.',
  'problem.timed-out':
    'Der Segmentierungsserver hat nicht rechtzeitig geantwortet. Vielleicht ist er ausgelastet; versuchen Sie es erneut.',
  'problem.not-api':
    'Unter der Adresse des Segmentierungsservers antwortet etwas anderes. Prüfen Sie die Adresse in der Konfiguration des Viewers und ob eine Anmeldeseite davor liegt.',
  'problem.not-authenticated':
    'Ihre Anmeldung ist abgelaufen; Ihre Arbeit bleibt erhalten. Erneuert der Viewer sie nicht von selbst, laden Sie die Seite neu, um sich anzumelden.',
  'problem.not-allowed': 'Ihr Konto darf das nicht. Fragen Sie Ihre Administration.',
  'problem.server-stopping': 'Der Segmentierungsserver startet neu. Es wird von selbst erneut versucht.',
  'problem.session-busy':
    'Das geht nicht, während eine Propagierung läuft. Warten Sie ihr Ende ab oder halten Sie sie an.',
  'problem.session-not-ready': 'Die Bilder werden noch geladen. Versuchen Sie es gleich noch einmal.',
  'problem.session-not-found': 'Die Sitzung ist nicht mehr auf dem Server. Beginnen Sie eine neue.',
  'problem.segment-locked': 'Das Segment ist gesperrt. Entsperren Sie es, um es zu ändern.',
  'problem.segment-not-found': 'Das Segment gibt es nicht mehr. Wählen Sie eines oder fügen Sie eines hinzu.',
  'problem.too-many-sessions':
    'Sie haben zu viele Sitzungen. Speichern und verwerfen Sie solche, die Sie nicht brauchen.',
  'problem.too-many-requests': 'Zu viele Anfragen auf einmal. Versuchen Sie es gleich noch einmal.',
  'problem.session-limit': 'Die Sitzung ist voll. Speichern Sie und fahren Sie in einer neuen fort.',
  'problem.memory-exhausted':
    'Der Server hat derzeit keinen Speicher für diese Serie. Versuchen Sie es später oder informieren Sie den Betrieb.',
  'problem.volume-too-large':
    'Die Serie ist größer, als der Server zulässt. Bitten Sie den Betrieb, die Grenze anzuheben.',
  'problem.pacs-unreachable':
    'Der Segmentierungsserver erreicht das Archiv nicht. Versuchen Sie es später oder informieren Sie den Betrieb.',
  'problem.pacs-timeout': 'Das Archiv hat nicht rechtzeitig geantwortet. Versuchen Sie es erneut.',
  'problem.pacs-not-found': 'Das Archiv enthält diese Serie nicht (mehr).',
  'problem.pacs-forbidden': 'Das Archiv erlaubt Ihnen das nicht. Fragen Sie dessen Administration.',
  'problem.pacs-unauthorised': 'Das Archiv akzeptiert die Anmeldung des Servers nicht. Informieren Sie den Betrieb.',
  'problem.pacs-read-only': 'Das Archiv nimmt keine neuen Objekte an.',
  'problem.image-not-found': 'Die Zeichnung liegt auf einem Bild, das nicht zum gewählten Volumen gehört.',
  'problem.plane-oblique':
    'Zeichnungen auf schrägen Ebenen sind nicht möglich. Zeichnen Sie axial, sagittal oder koronal.',
  'problem.box-empty': 'Die Box ist zu klein. Ziehen Sie sie um das Objekt.',
  'problem.box-outside': 'Die Box liegt außerhalb des Bildes.',
  'problem.point-outside': 'Der Punkt liegt außerhalb des Bildes.',
  'problem.nothing-to-propagate':
    'Es gibt keinen Ausgangspunkt. Zeichnen Sie zuerst einen Prompt oder wählen Sie einen anderen Bereich.',
  'problem.nothing-to-save': 'Es gibt noch keine Maske zum Speichern.',
  'problem.spool-full':
    'Der Datenträger des Servers ist voll: Es wurde nicht gespeichert. Informieren Sie den Betrieb; Ihre Arbeit bleibt in der Sitzung.',
  'problem.journal-failed':
    'Der Datenträger des Servers hat die Änderung nicht angenommen; sie ist nicht erfolgt. Versuchen Sie es erneut oder informieren Sie den Betrieb.',
  'problem.disk-full': 'Der Datenträger des Servers ist voll. Informieren Sie den Betrieb.',
  'problem.no-model': 'Auf dem Server ist kein Modell installiert. Informieren Sie den Betrieb.',
  'problem.model-not-installed': 'Dieses Modell ist auf dem Server nicht installiert. Wählen Sie ein anderes.',
  'problem.several-volumes': 'Die Serie enthält mehrere Volumen: Wählen Sie eines.',
  'problem.series-changed': 'Die Bilder der Serie haben sich seither geändert. Beginnen Sie eine neue Sitzung.',
  'problem.not-a-segmentation': 'Das gewählte Objekt ist keine Segmentierung, die fortgesetzt werden kann.',
  'problem.segmentation-other-grid':
    'Die Segmentierung liegt auf einem anderen Raster und kann auf dieser Serie nicht fortgesetzt werden.',
  'problem.segmentation-not-on-series': 'Die Segmentierung gehört zu einer anderen Serie.',
  'problem.save-finished': 'Dieser Speichervorgang ist bereits abgeschlossen.',
  'problem.unexpected':
    'Der Server ist unerwartet gescheitert. Versuchen Sie es erneut; informieren Sie sonst den Betrieb.',
};
