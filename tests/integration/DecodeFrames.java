import io.airlift.compress.zstd.ZstdDecompressor;
import io.airlift.compress.zstd.ZstdInputStream;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;

/**
 * Decodes zstd frames with aircompressor, and prints two lines of each: the SHA-256 of what the whole frame gives, and of
 * what it gives as a stream; where it is refused, why.
 *
 * <p>The file it is told of has the number of frames, and of each the size of its content, its own size, and its
 * bytes. Numbers have four bytes, the highest first.
 */
public class DecodeFrames {
    private interface Decode {
        byte[] content() throws IOException;
    }

    public static void main(String[] arguments) throws Exception {
        var lines = new StringBuilder();
        try (var in = new DataInputStream(new BufferedInputStream(Files.newInputStream(Path.of(arguments[0]))))) {
            int count = in.readInt();
            for (int i = 0; i < count; i++) {
                int size = in.readInt();
                byte[] frame = in.readNBytes(in.readInt());
                lines.append(told(() -> whole(frame, size))).append('\n');
                lines.append(told(() -> new ZstdInputStream(new ByteArrayInputStream(frame)).readAllBytes())).append('\n');
            }
        }
        System.out.print(lines);
    }

    private static byte[] whole(byte[] frame, int size) throws IOException {
        if (ZstdDecompressor.getDecompressedSize(frame, 0, frame.length) != size) {
            throw new IOException("the header says another size");
        }
        byte[] content = new byte[size];
        int end = new ZstdDecompressor().decompress(frame, 0, frame.length, content, 0, size);
        if (end != size) {
            throw new IOException("gives " + end + " bytes instead of " + size);
        }
        return content;
    }

    private static String told(Decode decode) throws Exception {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(decode.content()));
        } catch (IOException | RuntimeException error) {
            return "refused: " + String.valueOf(error).replaceAll("\\s+", " ");
        }
    }
}
