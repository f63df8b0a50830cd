package io.hotlead.peers;

import java.util.HashMap;
import java.util.Map;
import org.apache.avro.util.Utf8;

/** perf/peers/model.yaml in Java: what the rules give for an event, and what a score or a type makes of a contact. */
final class Model {
    static final String NAME = "peers";
    static final String VERSION = "1";
    static final int MQL_ENTER = 40;

    /** What an event of a type gives, and whether it subscribes the contact. */
    record Type(int points, boolean subscribes, boolean page) {}

    private static final Map<Utf8, Type> TYPES = new HashMap<>();
    private static final byte[] SCHEME_END = {':', '/', '/'};
    private static final byte[] PRICING = {'/', 'p', 'r', 'i', 'c', 'i', 'n', 'g'};
    private static final byte[] CAREERS = {'/', 'c', 'a', 'r', 'e', 'e', 'r', 's'};

    static {
        for (String name : new String[] {"email_sent", "email_delivered", "email_opened", "contact_identified"}) add(name, 0, false);
        add("link_clicked", 2, false);
        add("site_searched", 1, false);
        add("file_downloaded", 5, false);
        add("video_watched", 4, false);
        add("chat_started", 8, false);
        add("form_submitted", 10, true);
        add("webinar_registered", 10, true);
        add("webinar_attended", 15, false);
        add("email_clicked", 3, false);
        add("email_unsubscribed", -20, false);
        TYPES.put(new Utf8("page_viewed"), new Type(1, false, true));
    }

    private Model() {}

    private static void add(String name, int points, boolean subscribes) {
        TYPES.put(new Utf8(name), new Type(points, subscribes, false));
    }

    static Type type(Utf8 name) {
        Type type = TYPES.get(name);
        if (type == null) throw new IllegalArgumentException("an event of type " + name + ": it is not part of this job");
        return type;
    }

    /** Points of the rules that name a page. */
    static int pagePoints(Utf8 url) {
        byte[] text = url.getBytes();
        int length = url.getByteLength();
        int path = pathStart(text, length);
        if (startsWith(text, length, path, PRICING)) return 10;
        return startsWith(text, length, path, CAREERS) ? -15 : 0;
    }

    /** Where the path of an absolute address, or of one that starts with /, begins; the length when there is none. */
    private static int pathStart(byte[] text, int length) {
        if (length > 0 && text[0] == '/') return 0;
        for (int i = 0; i < length; i++) {
            if (!startsWith(text, length, i, SCHEME_END)) continue;
            for (int at = i + SCHEME_END.length; at < length; at++) {
                if (text[at] == '/') return at;
                if (text[at] == '?' || text[at] == '#') break;
            }
            break;
        }
        return length;
    }

    private static boolean startsWith(byte[] text, int length, int at, byte[] with) {
        if (length - at < with.length) return false;
        for (int i = 0; i < with.length; i++) {
            if (text[at + i] != with[i]) return false;
        }
        return true;
    }
}
