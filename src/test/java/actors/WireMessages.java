package actors;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;

/** All messages that may cross between nodes, and examples of them. */
final class WireMessages {

  private WireMessages() {}

  /** Every record that another node may be sent. */
  static List<Class<? extends Record>> types() {
    return new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("actors")
            .stream()
            .filter(type -> type.isAssignableTo(Wire.class) && type.isRecord())
            .filter(type -> !type.getModifiers().contains(JavaModifier.PRIVATE))
            .map(JavaClass::reflect)
            .<Class<? extends Record>>map(type -> type.asSubclass(Record.class))
            .sorted(Comparator.comparing(Class::getName))
            .toList();
  }

  /** One of the kind; no two of its values are the same. */
  static <T> T example(Class<T> type, ActorRef<?> ref) {
    return type.cast(new Maker(ref).make(type));
  }

  /** Values of records by what they hold: arrays and lists by their elements. */
  static String text(Object value) {
    if (value instanceof byte[] bytes) {
      return Arrays.toString(bytes);
    }
    if (value instanceof List<?> list) {
      return list.stream().map(WireMessages::text).toList().toString();
    }
    if (!(value instanceof Record)) {
      return String.valueOf(value);
    }
    List<String> fields = new ArrayList<>();
    for (RecordComponent component : value.getClass().getRecordComponents()) {
      fields.add(component.getName() + "=" + text(get(component, value)));
    }
    return value.getClass().getSimpleName() + fields;
  }

  private static Object get(RecordComponent component, Object value) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(value);
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  private static final class Maker {
    private final ActorRef<?> ref;
    private int next = 1;

    Maker(ActorRef<?> ref) {
      this.ref = ref;
    }

    Object make(Type type) {
      if (type instanceof ParameterizedType generic) {
        return generic.getRawType() == ActorRef.class
            ? ref
            : List.of(
                make(generic.getActualTypeArguments()[0]),
                make(generic.getActualTypeArguments()[0]));
      }
      Class<?> plain = (Class<?>) type;
      if (plain == String.class) {
        return "text " + next++;
      } else if (plain == long.class) {
        return 10_000_000_000L + next++;
      } else if (plain == int.class) {
        return next++;
      } else if (plain == boolean.class) {
        return true;
      } else if (plain == byte[].class) {
        return new byte[] {(byte) next++, -1, 0};
      }
      return record(plain);
    }

    private Object record(Class<?> type) {
      try {
        RecordComponent[] components = type.getRecordComponents();
        Object[] values = new Object[components.length];
        Class<?>[] types = new Class<?>[components.length];
        for (int i = 0; i < components.length; i++) {
          types[i] = components[i].getType();
          values[i] = make(components[i].getGenericType());
        }
        Constructor<?> constructor = type.getDeclaredConstructor(types);
        constructor.setAccessible(true);
        return constructor.newInstance(values);
      } catch (ReflectiveOperationException e) {
        throw new AssertionError("no example of " + type, e);
      }
    }
  }
}
